// Operating: one run is found among many by filters that stand in the address, its page says why it waits, its steps show their
// attempts and what was sent, it is cancelled with a reason, and run again with the same inputs.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import * as h from "./house.mjs";

const INVOICE = { id: "INV-31001", vendor: "Nordlicht Druck", amount: 1840.5, currency: "EUR", status: "open", iban: "DE02120300000000202051" };
const REASON = "Asked for twice: the other one goes on";

/** An invoice book that is down for the first requests. */
async function tiredBook(failures) {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    const status = asked <= failures ? 503 : 200;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(status === 200 ? INVOICE : { error: "closed" }));
  });
  await new Promise((resolve) => server.listen(h.house.port, "127.0.0.1", resolve));
  return server;
}

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const rows = admin.locator("#rows tbody tr");
  const search = (page, fields) => step(`a search for ${Object.values(fields).join(", ")}`, async () => {
    for (const [label, value] of Object.entries(fields)) {
      const field = h.control(page, label);
      if ((await field.evaluate((element) => element.tagName)) === "SELECT") await field.selectOption({ label: value });
      else await field.fill(value);
    }
    await h.press(page, "Search", page.getByRole("search"));
  });

  await step("a program starts many runs with a key", async () => {
    const key = await h.makeKey(admin, "nightly", ["workflow:read", "workflow:execute"]);
    for (const project of ["billing", "warehouse", "web-shop", "billing", "warehouse", "web-shop"]) {
      await h.startByKey(key, "release-notes", { project, publish: false });
    }
    for (const invoice of ["INV-1002", "INV-20418", "INV-20419", "INV-20420"]) await h.startByKey(key, "vendor-payment", { invoice_id: invoice });
    await h.until(async () => {
      await h.open(admin, "/t/acme/runs?state=running");
      return (await rows.count()) === 0;
    }, "rest among the runs");
  });

  await search(admin, { State: "Failed", Workflow: "Vendor payment" });
  const address = await step("one is left, and the filters stand in the address", async () => {
    assert.equal(await rows.count(), 1);
    const { searchParams } = new URL(admin.url());
    assert.deepEqual([searchParams.get("state"), searchParams.get("workflow")], ["failed", "vendor-payment"]);
    return admin.url();
  });

  await step("the address shows the same to another member", async () => {
    await h.open(approver, address);
    const told = (page) => page.locator("#rows tbody").locator('.lead, [data-label="State"]').allInnerTexts();
    assert.deepEqual(await told(approver), await told(admin));
  });

  await step("the failed run says first what failed, and why", async () => {
    await h.follow(admin, /^Vendor payment #/, admin.locator("#rows"));
    const banner = await h.words(admin.locator("#run-banner"));
    assert.match(banner, /^Only open invoices are paid failed\. .*Invoice INV-1002 is paid, not open/);
    assert.match(banner, /The steps after it were not begun\./);
    await admin.goBack();
    assert.equal(admin.url(), address);
  });

  await step("a filter is taken off by its chip", async () => {
    await h.follow(admin, /^state: Failed|^state/i, admin.locator("main .tags"));
    assert.equal(new URL(admin.url()).searchParams.get("state"), null);
    assert.equal(await rows.count(), 4);
  });

  await search(admin, { Search: "INV-20419" });
  await step("a value that a run was given finds it, whatever it did", async () => {
    assert.equal(await rows.count(), 1);
    await h.follow(admin, /^Vendor payment #/, admin.locator("#rows"));
    await h.stepIs(admin, "Finance agrees", "waiting");
  });

  await step("its page says why it waits", async () => {
    const wait = await h.words(admin.locator("#run-wait"));
    assert.match(wait, /^Why it waits For 1 of role approver At Finance agrees Asked approver@acme\.example, by mail Since .* ago Until \w{3} \d+ \w{3}, \d\d:\d\d UTC Then the run fails, and nothing of it is done/);
    await h.follow(admin, "Look at what is asked", admin.locator("#run-wait"));
    await admin.waitForURL(/\/approvals\/apr_/);
    await admin.goBack();
  });

  await step("it is cancelled, after it was said what that does, with a reason", async () => {
    await h.follow(admin, "Cancel run");
    await h.says(admin, "The run ends and cannot be taken up again.");
    await h.control(admin, "Reason").fill(REASON);
    await h.press(admin, "Cancel the run");
    await admin.locator("#run-banner").getByText("Cancelled by admin@acme.example").waitFor();
    assert.ok((await h.words(admin.locator("#run-banner"))).includes(REASON));
    assert.equal(await admin.getByRole("link", { name: "Cancel run" }).count(), 0, "what is over is not cancelled");
    await h.open(approver, "/t/acme/approvals");
    assert.equal(await approver.getByRole("link", { name: /INV-20419/ }).count(), 0);
  });

  await step("it is run again: another run, with the same inputs under the same version", async () => {
    const inputs = admin.locator("section").filter({ has: admin.locator("#inputs-title") });
    const [before, cancelled] = [await h.words(inputs), admin.url()];
    await h.press(admin, "Run again");
    await admin.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && url.href !== cancelled);
    assert.equal(await h.words(inputs), before);
    assert.match(await h.words(admin.locator("#facts")), /Version 1\b/);
    await h.stepIs(admin, "Finance agrees", "waiting");
  });

  await step("or with other inputs: the form is filled in with what it was given", async () => {
    await h.follow(admin, "Change inputs");
    assert.equal(await h.control(admin, "invoice_id").inputValue(), "INV-20419");
  });

  const book = await tiredBook(2);
  await step("the invoice book is down for a while", async () => {
    await h.toPage(admin, "Variables");
    await h.follow(admin, "erp_url");
    await h.control(admin, "Value").fill(`http://127.0.0.1:${h.house.port}`);
    await h.press(admin, "Save");
  });

  await step("a step says how often it was tried, and how each attempt ended", async () => {
    await h.startPayment(admin, INVOICE.id);
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.follow(admin, "Read the invoice", admin.locator("#run-steps"));
    const detail = admin.locator("#step-detail");
    assert.match(await h.words(detail.locator("dl").first()), /Attempts 3\b/);
    const ends = await detail.getByRole("row").locator('[data-label="End"]').allInnerTexts();
    assert.equal(ends.length, 3);
    assert.ok(ends.slice(0, 2).every((end) => end.includes("503")) && ends[2].includes("Answered"), `${ends}`);
    assert.ok((await h.words(detail.locator("pre"))).includes("Nordlicht Druck"), "its result is there");
  });

  await step("and what was sent, without what is secret", async () => {
    await h.follow(admin, "What was sent", admin.locator("#step-detail"));
    const sent = await h.words(admin.locator("#step-detail pre"));
    assert.ok(sent.includes("GET") && sent.includes(`/invoices/${INVOICE.id}`), sent);
    assert.equal(new URL(admin.url()).searchParams.get("tab"), "sent", "the address says what is open");
  });

  await step("the list is narrowed to what somebody started", async () => {
    await h.toPage(admin, "Runs");
    await h.follow(admin, "Mine");
    assert.equal(new URL(admin.url()).searchParams.get("starter"), "admin@acme.example");
    assert.equal(await rows.count(), 12);
  });
  book.close();
});
