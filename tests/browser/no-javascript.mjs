// Without JavaScript: everything that has to be done can be done, by links and forms alone.
import assert from "node:assert/strict";
import { join } from "node:path";
import * as h from "./house.mjs";

/** Reloads the page of a run until it says this. */
async function refreshUntil(page, state) {
  const pill = page.locator("#facts .pill");
  await h.until(async () => {
    if ((await pill.innerText()).includes(state)) return true;
    await h.follow(page, "Refresh");
    return (await pill.innerText()).includes(state);
  }, `run that is ${state}`);
}

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant is set up, an approver invited and accepted", () => h.furnish(visitor, { javaScriptEnabled: false }));

  await step("the approver signs out and in, and lands where they wanted to go", async () => {
    await h.signOut(approver);
    await approver.goto("/t/acme/approvals");
    await approver.waitForURL(/\/sign-in/);
    await h.signIn(approver, "approver@acme.example");
    await approver.waitForURL(/\/t\/acme\/approvals$/);
  });

  await step("a run is started and its page, refreshed, says that it waits", async () => {
    await h.startPayment(admin, "INV-20417");
    await refreshUntil(admin, "Waiting for approval");
  });

  await step("a refused form keeps what was typed and says what is wrong", async () => {
    await h.toPage(approver, "Approvals");
    await h.follow(approver, /^Review/);
    await h.control(approver, "Remark").fill("   ");
    await h.refused(approver, 422, () => h.press(approver, "Reject"));
    await approver.locator("#errors").waitFor();
  });

  await step("the approver approves", async () => {
    await approver.setViewportSize(h.PHONE);
    await h.press(approver, "Approve");
    await approver.getByText("Approved").first().waitFor();
  });

  await step("the run's page, refreshed, says that it is completed", async () => {
    await refreshUntil(admin, "Completed");
    assert.equal((await h.payments()).payments.length, 1);
  });

  await step("a second run is cancelled while it waits", async () => {
    await h.startPayment(admin, "INV-20418", { ask_above: "0" });
    await refreshUntil(admin, "Waiting for approval");
    await h.follow(admin, "Cancel run");
    await h.control(admin, "Reason").fill("Asked for twice");
    await h.press(admin, "Cancel the run");
    await refreshUntil(admin, "Cancelled");
    assert.equal((await h.payments()).payments.length, 1);
  });

  await step("the audit log is searched, a row is read, and the chain is verified", async () => {
    await h.toPage(admin, "Audit");
    await h.control(admin, "Act begins with").fill("approval.approved");
    await h.press(admin, "Search", admin.getByRole("search"));
    const rows = admin.locator("#rows tbody tr");
    assert.equal(await rows.count(), 1);
    await rows.locator("details.more > summary").first().click();
    await rows.getByText("As recorded").click();
    assert.match(await h.words(rows.locator("pre")), /"action": ?"approval\.approved"/);
    await h.follow(admin, /Whole/);
    await h.says(admin, /as they were written, and each follows the one before/);
  });

  await step("the log is exported, and verified offline", async () => {
    await h.toPage(admin, "Audit");
    const file = join(h.house.folder, "audit.jsonl");
    const [download] = await Promise.all([admin.waitForEvent("download"), admin.getByRole("link", { name: "Export as JSONL" }).click()]);
    await download.saveAs(file);
    const said = await h.mandate("audit", "verify", file);
    assert.equal(said.code, 0, said.complaints);
  });

  await step("a setting is changed", async () => {
    await h.toPage(admin, "Variables");
    await h.control(admin, "Name").fill("limit");
    await h.control(admin, "Kind").selectOption({ label: "Number" });
    await h.control(admin, "Value").fill("12");
    await h.press(admin, "Set it");
    await h.says(admin, "The variable limit is set.");
  });
});
