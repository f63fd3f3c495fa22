// A live page and a server that dies: the page comes back by itself and ends with the right state; no step is lost, none is
// paid twice, and the approval still waits.
import assert from "node:assert/strict";
import * as h from "./house.mjs";

const INVOICE = { id: "INV-20417", vendor: "Nordlicht Druck", amount: 1840.5, currency: "EUR", status: "open", iban: "DE02120300000000202051" };

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const book = await h.slowInvoiceBook(INVOICE);

  await step("its invoices are in a book that keeps runs waiting", async () => {
    await h.toPage(admin, "Variables");
    await h.follow(admin, "erp_url");
    await h.control(admin, "Value").fill(book.address);
    await h.press(admin, "Save");
    await h.says(admin, "The variable erp_url has its new value.");
  });

  let notReloaded;
  await step("a run is started and its first step is under way", async () => {
    await h.startPayment(admin, "INV-20417");
    await h.stepIs(admin, "Read the invoice", "running");
    await h.until(() => book.asked.length === 1, "request at the invoice book");
    notReloaded = await h.neverReloaded(admin);
  });

  await step("the server is killed with a step in flight, and comes back", async () => {
    h.mayLoseStream(admin);
    await h.restartServer();
    await h.until(() => book.asked.length === 2, "second request at the invoice book");
    const [first, second] = book.asked.map((request) => request.headers["idempotency-key"]);
    assert.ok(first && first === second, `sent with the keys ${first} and ${second}`);
    book.answerAll();
  });

  await step("the same page goes on to the approval and says that the step was sent again", async () => {
    await h.stepIs(admin, "Read the invoice", "completed");
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.says(h.stepRow(admin, "Read the invoice"), "Sent again with the same idempotency key after a restart");
    await notReloaded();
  });

  await step("the server is killed while the approval waits, and it still waits", async () => {
    await h.restartServer();
    await h.toPage(approver, "Approvals");
    await h.follow(approver, /^Review/);
  });

  await step("approved after the restart, the run completes on the page that never was loaded again", async () => {
    await h.press(approver, "Approve");
    await h.says(admin, "Completed");
    for (const name of ["Read the invoice", "Only open invoices are paid", "Look for anything unusual", "Finance agrees", "Pay", "Say what was done"]) {
      await h.stepIs(admin, name, "completed");
    }
    await notReloaded();
    const { requests, payments } = await h.payments();
    assert.deepEqual([requests, payments.length], [1, 1]);
    assert.equal(book.asked.length, 2);
  });

  await step("the page says the same when it is loaded again", async () => {
    const before = await h.words(admin.locator("#run-steps"));
    await admin.reload();
    assert.equal(await h.words(admin.locator("#run-steps")), before);
  });
  book.close();
});
