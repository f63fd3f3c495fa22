// The record: an auditor searches it, reads a row in words, verifies the chain where it is kept, exports it both ways, and
// verifies the file offline with the binary; one byte changed, and one row left out, are found.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as h from "./house.mjs";

/** What a spreadsheet would take for a formula. */
const REASON = '=HYPERLINK("https://evil.example","Click")';

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const auditor = await visitor("the auditor");
  await step("an auditor is invited", async () => {
    await h.invite(admin, { email: "auditor@acme.example", name: "Ali Auditor", role: "auditor" });
    await h.acceptInvitation(auditor, "auditor@acme.example");
  });
  await step("something happens: a payment, a cancelled run, a limit, and somebody who may not", async () => {
    await h.startPayment(admin, "INV-20417");
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.open(approver, "/t/acme/approvals");
    await h.follow(approver, /^Review/);
    await h.press(approver, "Approve");
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    await h.startPayment(admin, "INV-20418", { ask_above: "0" });
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.follow(admin, "Cancel run");
    await h.control(admin, "Reason").fill(REASON);
    await h.press(admin, "Cancel the run");
    await admin.locator("#run-banner").getByText("Cancelled by").waitFor();
    await h.toPage(admin, "Budgets");
    await h.control(admin, "Limit").fill("25");
    await h.press(admin, "Set it", admin.locator("section").filter({ has: admin.locator("#set-title") }));
    await h.openRefused(auditor, "/t/acme/workflows/vendor-payment/runs/new", 403);
  });

  const rows = auditor.locator("#rows");
  await step("the log tells each act", async () => {
    await h.toPage(auditor, "Audit");
    const all = await h.words(rows);
    const acts = ["tenant.created", "user.invited", "workflow.created", "workflow.executed", "credential.used", "approval.requested", "approval.approved"];
    for (const act of [...acts, "workflow.completed", "run.cancelled", "budget.changed", "security.permission_denied"]) {
      assert.ok(all.includes(act), `the audit does not tell ${act}: ${all}`);
    }
  });

  await step("it is narrowed while one types, and the focus stays where it is", async () => {
    const field = h.control(auditor, "Act begins with");
    await field.pressSequentially("approval.");
    await h.until(async () => !(await h.words(rows)).includes("budget."), "narrowed list");
    assert.equal(await field.evaluate((input) => input === document.activeElement), true);
    const narrowed = await h.words(rows);
    assert.ok(narrowed.includes("approver@acme.example") && narrowed.includes("127.0.0.1"), narrowed);
    assert.match(auditor.url(), /action=approval/, "the address says what is sought");
    await auditor.reload();
    assert.equal(await h.words(rows), narrowed, "and shows it again");
  });

  await step("a row is read in words, and as it was recorded", async () => {
    const row = auditor.locator("#rows tbody tr").filter({ hasText: "approval.approved" });
    assert.match(await h.words(row), /approver@acme\.example at a page approval\.approved/);
    const details = row.locator("details.more").first();
    await details.locator("summary").first().click();
    assert.match(await h.words(details.locator("dl")), /Digest \S+/);
    await details.getByText("As recorded").click();
    const recorded = JSON.parse(await details.locator("pre").innerText());
    assert.equal(recorded.action, "approval.approved");
  });

  await step("the chain is verified where it is kept", async () => {
    await h.toPage(auditor, "Audit");
    await h.follow(auditor, /Whole/);
    await auditor.waitForURL(/\/audit\/verification/);
    await h.says(auditor, /^Rows 1 to \d+ are as they were written, and each follows the one before, and the last one is the end of the chain\.$/);
  });

  const keep = async (name, link) => {
    await h.toPage(auditor, "Audit");
    const file = join(h.house.folder, name);
    const [download] = await Promise.all([auditor.waitForEvent("download"), auditor.getByRole("link", { name: link }).click()]);
    await download.saveAs(file);
    return file;
  };
  const whole = await step("its export is verified offline", async () => {
    const file = await keep("audit.jsonl", "Export as JSONL");
    const said = await h.mandate("audit", "verify", file);
    assert.equal(said.code, 0, said.complaints);
    assert.match(said.out, /rows of .* are whole and in order, #1 to #/);
    return file;
  });

  const refuses = async (name, lines, bad) => {
    const file = join(h.house.folder, name);
    writeFileSync(file, lines.join("\n"));
    const said = await h.mandate("audit", "verify", file);
    assert.notEqual(said.code, 0);
    assert.match(said.complaints, new RegExp(`\\b(line|row|#) ?${bad}\\b`), said.complaints);
  };
  await step("one byte changed, and one row left out, are found and named", async () => {
    const lines = readFileSync(whole, "utf8").split("\n");
    const row = lines.findIndex((line) => line.includes("approver@acme.example"));
    assert.ok(row > 0);
    await refuses("audit-changed.jsonl", lines.with(row, lines[row].replace("approver@acme.example", "approver@acme.exbmple")), row + 1);
    await refuses("audit-without.jsonl", lines.toSpliced(row, 1), row + 1);
  });

  await step("the table for a spreadsheet has the same rows, and no cell of it is a formula", async () => {
    const table = readFileSync(await keep("audit.csv", "Export as CSV"), "utf8");
    assert.ok(table.includes("approval.approved") && table.includes("HYPERLINK"), "the rows are there");
    assert.doesNotMatch(table, /(^|,)"?[=+@]/m);
    // The row of this export is not in it, that of the one before is.
    const records = table.match(/^\uFEFF?"/gm).length - 1;
    assert.equal(records, readFileSync(whole, "utf8").trimEnd().split("\n").length + 1);
  });

  await step("both exports are in the log", async () => {
    await h.open(auditor, "/t/acme/audit?action=audit.exported");
    assert.equal(await auditor.locator("#rows tbody tr").count(), 2);
  });
});
