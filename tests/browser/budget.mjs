// Money: its owner sets a limit, and a run that could go over it is blocked before its call and says so; with room again, the
// same run is made again and goes on.
import assert from "node:assert/strict";
import * as h from "./house.mjs";

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const owner = await visitor("the budget owner");
  await step("somebody is to look after the money", async () => {
    await h.invite(admin, { email: "owner@acme.example", name: "Bo Budget", role: "budget_owner" });
    await h.acceptInvitation(owner, "owner@acme.example");
  });
  const limits = owner.locator("section").filter({ has: owner.locator("#set-title") });
  const setLimit = async (scope, dollars, period = "in all, for ever") => {
    await h.toPage(owner, "Budgets");
    await h.control(owner, "For").selectOption({ label: scope });
    await h.control(owner, "Holds").selectOption({ label: period });
    await h.control(owner, "Limit").fill(dollars);
    await h.press(owner, "Set it", limits);
  };

  const cost = await step("a run was paid for, and the budgets say what it cost", async () => {
    await h.startPayment(admin, "INV-20417");
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.open(approver, "/t/acme/approvals");
    await h.follow(approver, /^Review/);
    await h.press(approver, "Approve");
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    const [spent] = /\$0\.\d+/.exec(await h.words(admin.locator("#facts")));
    await h.toPage(owner, "Budgets");
    assert.ok((await h.words(owner.locator("#figures .figure").first())).startsWith(`${spent} spent, $0.00 held`));
    await h.says(owner.getByRole("row", { name: /Vendor payment/ }), spent);
    return Number(spent.slice(1));
  });

  await step("a limit that is no number is refused, and one that is stands there at once", async () => {
    await setLimit("Acme, in all", "25");
    await h.says(owner, "$25.00 limit in all");
    await setLimit("Acme, in all", "5", "every day");
    await h.says(owner, "of $5.00 spent this day");
    await h.says(owner, "It is counted anew on");
    await h.toPage(owner, "Budgets");
    await h.control(owner, "Limit").fill("plenty");
    await h.refused(owner, 422, () => h.press(owner, "Set it", limits));
    await owner.locator("#errors").waitFor();
  });

  await step("one who may not is told what it takes", async () => {
    await h.openRefused(approver, "/t/acme/budgets", 403);
    await h.says(approver, "budget:read");
  });

  await step("the vendor payment may spend no more than it has", async () => {
    await setLimit("Vendor payment", cost.toFixed(6));
    await h.says(owner.getByRole("row", { name: /Vendor payment/ }), `$${cost}`);
  });

  const blocked = await step("its next run is blocked before the model is asked, and says why", async () => {
    await h.startPayment(admin, "INV-20418");
    await admin.locator("#run-banner.is-failed, #run-banner .is-failed").waitFor();
    await h.stepIs(admin, "Read the invoice", "completed");
    await h.stepIs(admin, "Look for anything unusual", "failed");
    const banner = await h.words(admin.locator("#run-banner"));
    assert.match(banner, /^Look for anything unusual failed\. .*(budget|limit)/i);
    assert.match(await h.words(admin.locator("#facts")), /Cost \$0\.00\b/);
    await h.follow(admin, "Look for anything unusual", admin.locator("#run-steps"));
    assert.doesNotMatch(await h.words(admin.locator("#step-detail")), /Tokens \d/, "no answer of a model is there");
    return admin.url().split("?")[0];
  });

  await step("nothing was spent or is held for it", async () => {
    await h.toPage(owner, "Budgets");
    assert.ok((await h.words(owner.locator("#figures .figure").first())).startsWith(`$${cost} spent, $0.00 held`));
  });

  await step("the limit is raised, and the same run is made again and goes on", async () => {
    await setLimit("Vendor payment", "1");
    await h.open(admin, blocked);
    await h.press(admin, "Run again");
    await admin.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && url.pathname !== new URL(blocked).pathname);
    await h.stepIs(admin, "Look for anything unusual", "completed");
    await h.stepIs(admin, "Finance agrees", "waiting");
  });

  await step("who set which limit is in the audit log", async () => {
    await h.open(admin, "/t/acme/audit?action=budget.");
    const rows = await h.words(admin.locator("#rows"));
    assert.ok(rows.includes("budget.changed") && rows.includes("owner@acme.example"), rows);
    assert.ok(rows.includes("budget.exceeded"), rows);
  });
});
