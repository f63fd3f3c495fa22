// Without a pointer: sign in, find a failed run, run it again, approve it, export the audit log. The focus is seen at every
// stop, is not lost when a part of a page changes under it, and nothing sticky lies over it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as h from "./house.mjs";
import { go, goRound, seesFocus, tabTo } from "./keys.mjs";

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver, who rejected a run", async () => {
    const people = await h.furnish(visitor);
    await h.startPayment(people.admin, "INV-20417");
    await h.stepIs(people.admin, "Finance agrees", "waiting");
    await h.open(people.approver, "/t/acme/approvals");
    await h.follow(people.approver, /^Review/);
    await h.control(people.approver, "Remark").fill("Too early.");
    await h.press(people.approver, "Reject");
    await people.admin.locator("#run-banner").getByText("ended without a yes").waitFor();
    return people;
  });
  const person = await visitor("somebody without a pointer");

  await step("they sign in", async () => {
    await h.open(person, "/sign-in");
    assert.equal(await person.evaluate(() => document.activeElement.name), "email");
    await seesFocus(person, "at the beginning");
    await person.keyboard.type("admin@acme.example");
    await person.keyboard.press("Tab");
    await person.keyboard.type(h.PASSWORD);
    await person.keyboard.press("Enter");
    await person.waitForURL(/\/t\/acme/);
  });

  await step("the skip link is the first stop, and the content the next", async () => {
    await person.keyboard.press("Tab");
    await seesFocus(person, "at the skip link");
    const skip = person.getByRole("link", { name: "Skip to content" });
    assert.equal(await skip.evaluate((link) => link === document.activeElement), true);
    await person.keyboard.press("Enter");
    assert.equal(await person.evaluate(() => document.activeElement.id), "main");
    await tabTo(person, person.locator("main").getByRole("link", { name: "Start a run" }), { most: 2 });
  });

  const main = person.locator("main");
  await step("they find the failed run among the runs", async () => {
    await go(person, person.locator("header.rail").getByRole("link", { name: "Runs" }), { back: true });
    await tabTo(person, h.control(person, "State"));
    await person.keyboard.type("Fai");
    assert.equal(await h.control(person, "State").inputValue(), "failed");
    await go(person, main.getByRole("search").getByRole("button", { name: "Search" }));
    assert.match(person.url(), /state=failed/);
    await go(person, main.getByRole("link", { name: "Vendor payment #1" }));
    await h.says(person, /Finance agrees ended without a yes/);
  });

  await step("they run it again; its page changes by itself, and the focus stays on the step where it is", async () => {
    await go(person, main.getByRole("button", { name: "Run again" }));
    await person.waitForURL(/\/runs\/run_/);
    const link = h.stepRow(person, "Finance agrees").getByRole("link");
    await tabTo(person, link);
    await h.stepIs(person, "Finance agrees", "waiting");
    assert.equal(await h.stepRow(person, "Finance agrees").getByRole("link").evaluate((element) => element === document.activeElement), true);
    await seesFocus(person, "after the step has changed");
  });

  await step("the approver decides on a small screen, and the sticky buttons hide no stop", async () => {
    await approver.setViewportSize(h.PHONE);
    await h.open(approver, "/t/acme/approvals");
    await go(approver, approver.getByRole("link", { name: /^Review/ }));
    await approver.waitForURL(/\/approvals\/apr_/);
    await goRound(approver);
    await h.open(approver, approver.url());
    await tabTo(approver, h.control(approver, "Remark"));
    await approver.keyboard.type("As agreed.");
    await go(approver, approver.getByRole("button", { name: "Approve", exact: true }), { most: 4 });
    await h.says(approver, "You approved. The run goes on.");
  });

  await step("the page of the run, where the focus still is, completes", async () => {
    await person.locator("#run-banner").getByText("Completed").waitFor();
    assert.equal(await h.stepRow(person, "Finance agrees").getByRole("link").evaluate((element) => element === document.activeElement), true);
    await seesFocus(person, "after the run has completed");
  });

  await step("they open the audit log, narrow it as they type, and keep the focus", async () => {
    await go(person, person.locator("header.rail").getByRole("link", { name: "Audit" }), { back: true });
    await tabTo(person, h.control(person, "Act begins with"));
    await person.keyboard.type("approval.");
    await h.until(async () => !(await h.words(person.locator("#rows"))).includes("auth."), "narrowed list");
    assert.equal(await h.control(person, "Act begins with").evaluate((element) => element === document.activeElement), true);
    await seesFocus(person, "after the rows have changed");
    const facts = person.locator("#rows tbody details.more > summary").first();
    await tabTo(person, facts);
    await person.keyboard.press("Enter");
    assert.equal(await facts.evaluate((element) => element.parentElement.open), true);
  });

  await step("they export it, and the file is whole", async () => {
    await tabTo(person, person.getByRole("link", { name: "Export as JSONL" }), { back: true });
    const [download] = await Promise.all([person.waitForEvent("download"), person.keyboard.press("Enter")]);
    const file = join(h.house.folder, "audit.jsonl");
    await download.saveAs(file);
    const said = await h.mandate("audit", "verify", file);
    assert.equal(said.code, 0, said.complaints);
    assert.ok(readFileSync(file, "utf8").includes("As agreed."));
  });

  await step("every stop of the main pages is seen, and none holds the focus", async () => {
    for (const path of ["", "/workflows", "/workflows/new", "/workflows/vendor-payment", "/runs", "/approvals", "/budgets", "/credentials", "/audit", "/members", "/permissions", "/settings"]) {
      for (const viewport of [h.DESKTOP, h.PHONE]) {
        await admin.setViewportSize(viewport);
        await h.open(admin, `/t/acme${path}`);
        const stops = await goRound(admin);
        assert.ok(stops > 2, `${path} has ${stops} stops`);
      }
    }
  });

  await step("the menu of a small screen opens and leads on", async () => {
    await admin.setViewportSize(h.PHONE);
    await h.open(admin, "/t/acme");
    const menu = admin.locator("details.bar-top");
    await tabTo(admin, menu.locator("summary").first(), { most: 4 });
    await admin.keyboard.press("Enter");
    assert.equal(await menu.evaluate((element) => element.open), true);
    await go(admin, menu.getByRole("link", { name: "Approvals" }));
    assert.match(admin.url(), /\/approvals$/);
  });
});
