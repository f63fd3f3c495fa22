// Every page that links lead to, as an admin sees it: no serious complaint of axe-core, nothing on the console, no violation
// of the content security policy, nothing wider than the window; in light and dark, on a phone and on a desk. And the
// keyboard alone reaches what each page is for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as h from "./house.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Rules whose answer depends on colours; all others see the same in dark as in light. */
const OF_COLOURS = ["color-contrast", "link-in-text-block"];
const VARIANTS = [
  { colorScheme: "light", viewport: h.DESKTOP, only: null },
  { colorScheme: "light", viewport: h.PHONE, only: null },
  { colorScheme: "dark", viewport: h.PHONE, only: OF_COLOURS },
  { colorScheme: "dark", viewport: h.DESKTOP, only: OF_COLOURS },
];
/** Pages of one kind that are looked at. */
const OF_A_KIND = 1;

/** Serious and critical complaints, in words. */
async function axe(page, only) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (only) => {
    const options = { resultTypes: ["violations"], ...(only ? { runOnly: { type: "rule", values: only } } : {}) };
    const { violations } = await globalThis.axe.run(document, options);
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\s+/g, " ")}`));
  }, only);
}

/** Looks at the page that is open in every scheme and width. */
async function inspect(page, problems) {
  for (const { colorScheme, viewport, only } of VARIANTS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const where = `${new URL(page.url()).pathname} (${colorScheme}, ${viewport.width} px)`;
    for (const words of await axe(page, only)) problems.push(`${where}: ${words}`);
    if (colorScheme === "light") await h.noSideways(page).catch((error) => problems.push(`${where}: ${error.message}`));
  }
  await page.setViewportSize(h.DESKTOP);
  await page.emulateMedia({ colorScheme: "light" });
}

/** The kind of a page: its address without what names one of many, and whether it is narrowed. */
function kind(url) {
  const { pathname, search } = new URL(url);
  const path = pathname.replace(/\/[a-z]+_[0-9a-z]{20,}/g, "/{id}").replace(/\/versions\/\d+/, "/versions/{n}");
  return path.replace(/^\/(invitations|a|setup)\/.*/, "/$1/{token}") + (search ? "?" : "");
}

/** The pages that this one links to, without files, without what is for programs and without what leaves the tenant. */
function links(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("a[href]:not([download])")]
      .map((link) => link.href.split("#")[0])
      .filter((href) => href.startsWith(location.origin) && !href.includes("/go/") && !href.includes("/api/")),
  );
}

/** Presses Tab until this has the focus; it may take so many. Each stop on the way has to be in sight. */
async function tabTo(page, locator, most = 40) {
  for (let stops = 1; stops <= most; stops++) {
    await page.keyboard.press("Tab");
    const hidden = await page.evaluate(() => {
      const { left, top, right, bottom, width, height } = document.activeElement.getBoundingClientRect();
      const outside = right <= 0 || bottom <= 0 || left >= innerWidth || top >= innerHeight;
      return outside || width === 0 || height === 0 ? document.activeElement.outerHTML.slice(0, 120) : "";
    });
    assert.equal(hidden, "", `after ${stops} tabs on ${page.url()} the focus cannot be seen`);
    if (await locator.evaluate((element) => element === document.activeElement)) return stops;
  }
  return assert.fail(`${locator} is not reached by ${most} tabs on ${page.url()}`);
}

h.journey(async ({ step, visitor }) => {
  const admin = await visitor("the admin");
  let approver;
  const problems = [];
  const seen = new Map();

  const visit = async (address) => {
    await h.open(admin, address);
    await inspect(admin, problems);
  };

  await step("the set-up page", async () => {
    await visit(h.house.setupLink);
    ({ approver } = await h.furnish(visitor, {}, admin));
  });

  await step("a tenant that is lived in: a run that failed, one that is paid, one that waits, an invitation", async () => {
    await h.startPayment(admin, "INV-1002");
    await h.says(admin, "is paid, not open");
    await h.startPayment(admin, "INV-20417");
    await admin.locator("#facts").getByText("Waiting for approval").waitFor();
    await h.toPage(approver, "Approvals");
    await h.follow(approver, /^Review/);
    await h.press(approver, "Approve");
    await admin.locator("#facts").getByText("Completed").waitFor();
    await h.startPayment(admin, "INV-20418", { ask_above: "0", note: "The vendor asked for it by telephone." });
    await admin.locator("#facts").getByText("Waiting for approval").waitFor();
    await h.toPage(admin, "Budgets");
    await h.control(admin, "Limit").fill("50");
    await h.press(admin, "Set it");
    await h.invite(admin, { email: "viewer@acme.example", name: "Vic Viewer", role: "viewer" });
  });

  await step("the approval as its approver sees it", async () => {
    await h.open(approver, "/t/acme/approvals");
    await inspect(approver, problems);
    await h.follow(approver, /^Review/);
    await inspect(approver, problems);
  });

  await step("the pictures of the documentation, when they are asked for", async () => {
    if (process.env.UPDATE_SCREENSHOTS !== "1") return;
    await h.picture(approver, "approval-phone.png", { viewport: h.PHONE });
    await h.toPage(admin, "Runs");
    await h.follow(admin, /^Vendor payment #3/);
    await h.picture(admin, "run.png");
    for (const [name, file] of [["Home", "home.png"], ["Audit", "audit.png"], ["Workflows", ""]]) {
      await h.toPage(admin, name);
      if (file) await h.picture(admin, file);
    }
    await h.follow(admin, "Vendor payment");
    await h.picture(admin, "workflow.png");
  });

  await step("a workflow with errors, and one that is sound", async () => {
    const text = readFileSync(new URL("../../examples/vendor-payment.md", import.meta.url), "utf8");
    await h.open(admin, "/t/acme/workflows/new");
    const source = admin.locator("textarea.source-input");
    await source.fill(text.replace("output_variable: review", "output_varaible: review"));
    await h.refused(admin, 422, () => h.press(admin, "Check it"));
    await inspect(admin, problems);
    await source.fill(text.replace("Vendor payment", "Vendor payment, twice").replace("vendor-payment", "vendor-payment-2"));
    await h.press(admin, "Check again");
    await inspect(admin, problems);
  });

  await step("every page that links lead to", async () => {
    const waiting = [new URL("/", h.house.url).href, new URL("/account", h.house.url).href, new URL("/mailbox", h.house.url).href];
    while (waiting.length > 0) {
      const address = waiting.shift();
      const known = seen.get(kind(address)) ?? 0;
      if (known >= OF_A_KIND) continue;
      seen.set(kind(address), known + 1);
      await visit(address);
      seen.set(kind(admin.url()), OF_A_KIND);
      waiting.push(...(await links(admin)));
    }
    console.log(`    ${[...seen.keys()].join("\n    ")}`);
  });

  await step("pages of those who are not signed in, and pages that say no", async () => {
    const stranger = await visitor("a stranger");
    await h.open(stranger, "/sign-in");
    await inspect(stranger, problems);
    await h.openMail(stranger, "viewer@acme.example", /invit|Join/i);
    await stranger.locator(".mail-text a").first().click();
    await inspect(stranger, problems);
    await h.openRefused(admin, "/t/acme/nothing-here", 404);
    await inspect(admin, problems);
    await h.openRefused(stranger, h.house.setupLink, 409);
    await inspect(stranger, problems);
  });

  assert.deepEqual(problems, []);

  await step("the keyboard alone signs in, starts a run and comes to its decision", async () => {
    const person = await visitor("somebody without a mouse");
    await h.open(person, "/sign-in");
    assert.equal(await person.evaluate(() => document.activeElement.name), "email");
    await person.keyboard.type("admin@acme.example");
    await person.keyboard.press("Tab");
    await person.keyboard.type(h.PASSWORD);
    await person.keyboard.press("Enter");
    await person.waitForURL(/\/t\/acme/);

    await person.keyboard.press("Tab");
    const skip = person.getByRole("link", { name: "Skip to content" });
    assert.equal(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().top >= 0), true);
    await person.keyboard.press("Enter");
    await tabTo(person, person.locator("main").getByRole("link", { name: "Start a run" }), 2);
    await person.keyboard.press("Enter");
    await person.waitForURL(/\/workflows$/);
    await tabTo(person, person.getByRole("link", { name: /^Start a run of Vendor payment|^Start/ }).last());
    await person.keyboard.press("Enter");
    await person.waitForURL(/\/runs\/new$/);
    await tabTo(person, h.control(person, "invoice_id"));
    await person.keyboard.type("INV-20419");
    await tabTo(person, person.getByRole("button", { name: "Start the run" }), 8);
    await person.keyboard.press("Enter");
    await person.waitForURL(/\/runs\/run_/);
    await person.locator("#facts").getByText("Waiting for approval").waitFor();
    await tabTo(person, person.getByRole("link", { name: "Review", exact: true }));

    await h.open(approver, "/t/acme/approvals");
    await h.follow(approver, /^Review/, approver.getByRole("listitem").filter({ hasText: "Vendor payment #4" }));
    await tabTo(approver, approver.getByRole("button", { name: "Approve", exact: true }), 12);
    await approver.keyboard.press("Enter");
    await approver.locator(".pill.is-completed").first().waitFor();
    await person.locator("#facts").getByText("Completed").waitFor();
  });
});
