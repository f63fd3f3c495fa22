// Pages in the states that people meet while they work: refused forms, a file with mistakes, runs of every end, what is empty,
// what says no. Each is looked at in light and dark, on a phone and on a desk. (Every page there is, as it stands in a tenant
// that is lived in: pages.mjs.)
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { inspect } from "./eyes.mjs";
import * as h from "./house.mjs";

const SAMPLE = readFileSync(new URL("../../examples/vendor-payment.md", import.meta.url), "utf8");

h.journey(async ({ step, visitor }) => {
  const admin = await visitor("the admin");
  const problems = [];
  const look = (page) => inspect(page, problems);
  let approver;

  await step("the set-up page, and its refusal", async () => {
    await h.open(admin, h.house.setupLink);
    await admin.locator("form").evaluate((form) => (form.noValidate = true));
    await h.refused(admin, 422, () => h.press(admin, "Make the tenant"));
    await admin.locator("#errors").waitFor();
    await look(admin);
    ({ approver } = await h.furnish(visitor, {}, admin));
  });

  await step("a run that failed, with the step that did", async () => {
    await h.startPayment(admin, "INV-1002");
    await h.says(admin, "is paid, not open");
    await look(admin);
  });

  await step("an approval as its approver sees it, with a refused form, and when it is decided", async () => {
    await h.start(admin, "Expense report", { employee: "Mira Lund", amount: "42.50", category: "meals", purpose: "Lunch with the warehouse" });
    await h.stepIs(admin, "The manager decides", "waiting");
    await h.open(approver, "/t/acme/approvals");
    await look(approver);
    await h.follow(approver, /^Review/);
    await look(approver);
    await approver.locator("form.decide-form").evaluate((form) => (form.noValidate = true));
    await h.control(approver, "Cost centre").fill("12");
    await h.refused(approver, 422, () => h.press(approver, "Approve"));
    await look(approver);
    await h.control(approver, "Cost centre").fill("4200");
    await h.press(approver, "Approve");
    await look(approver);
  });

  await step("a run that is completed, with a step and what it sent", async () => {
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    await look(admin);
    await h.follow(admin, "Book it", admin.locator("#run-steps"));
    await h.follow(admin, "What was sent", admin.locator("#step-detail"));
    await look(admin);
  });

  await step("a run that waits, the page that cancels it, and when it is cancelled", async () => {
    await h.startPayment(admin, "INV-20418", { ask_above: "0", note: "The vendor asked for it by telephone." });
    await h.stepIs(admin, "Finance agrees", "waiting");
    await look(admin);
    await h.follow(admin, "Cancel run");
    await look(admin);
    await h.control(admin, "Reason").fill("Asked for twice");
    await h.press(admin, "Cancel the run");
    await admin.locator("#run-banner").getByText("Cancelled by").waitFor();
    await look(admin);
  });

  await step("lists that nothing fits", async () => {
    for (const path of ["/runs?text=nothing-has-this", "/audit?text=nothing-has-this"]) {
      await h.open(admin, `/t/acme${path}`);
      await look(admin);
    }
  });

  await step("a file with mistakes, and one that is sound", async () => {
    await h.open(admin, "/t/acme/workflows/new");
    const source = admin.locator("textarea.source-input");
    await source.fill(SAMPLE.replace("output_variable: review", "output_varaible: review"));
    await h.refused(admin, 422, () => h.press(admin, "Check it"));
    await look(admin);
    await source.fill(SAMPLE.replace("Vendor payment", "Vendor payment, twice").replace("vendor-payment", "vendor-payment-2"));
    await h.press(admin, "Check again");
    await look(admin);
  });

  await step("a start, a limit and a password that are refused, and a key that was made", async () => {
    await h.open(admin, "/t/acme/workflows/vendor-payment/runs/new");
    await admin.locator("#start").evaluate((form) => (form.noValidate = true));
    await h.refused(admin, 422, () => h.press(admin, "Start the run"));
    await look(admin);
    await h.toPage(admin, "Budgets");
    await h.control(admin, "Limit").fill("plenty");
    await h.refused(admin, 422, () => h.press(admin, "Set it", admin.locator("section").filter({ has: admin.locator("#set-title") })));
    await look(admin);
    await h.open(admin, "/account");
    await h.control(admin, "Present password").fill("not the password");
    await h.control(admin, "New password").fill(h.PASSWORD);
    await h.refused(admin, 422, () => h.press(admin, "Change it"));
    await look(admin);
    await h.makeKey(admin, "nightly", ["run:read"]);
    await look(admin);
  });

  await step("pages of those who are not signed in, and pages that say no", async () => {
    const stranger = await visitor("a stranger");
    await h.open(stranger, "/sign-in");
    await h.refused(stranger, 401, () => h.signIn(stranger, "nobody@acme.example", "not the password"));
    await look(stranger);
    await h.invite(admin, { email: "viewer@acme.example", name: "Vic Viewer", role: "viewer" });
    await h.openMail(stranger, "viewer@acme.example", /invit|Join/i);
    await stranger.locator(".mail-text a").first().click();
    await look(stranger);
    await h.openRefused(admin, "/t/acme/nothing-here", 404);
    await look(admin);
    await h.openRefused(approver, "/t/acme/audit", 403);
    await look(approver);
    await h.openRefused(stranger, h.house.setupLink, 409);
    await look(stranger);
  });

  await step("a tenant with nothing in it", async () => {
    const bea = await visitor("the admin of the second tenant");
    const link = await h.mandate("tenant", "invite");
    await h.setUp(bea, link.out.trim(), { tenant: "Globex", name: "Bea Boss", email: "admin@globex.example", samples: false });
    for (const path of ["", "/workflows", "/runs", "/approvals", "/budgets", "/credentials", "/providers", "/variables"]) {
      await h.open(bea, `/t/globex${path}`);
      await look(bea);
    }
  });

  assert.deepEqual(problems, []);
});
