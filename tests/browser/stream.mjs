// A live page and a server that dies, and one whose way to the server dies: the page comes back by itself and ends with the
// right state; no event is lost, a step in flight is sent again under the same key, and the approval still waits.
import assert from "node:assert/strict";
import * as h from "./house.mjs";

const INVOICE = { id: "INV-20417", vendor: "Nordlicht Druck", amount: 1840.5, currency: "EUR", status: "open", iban: "DE02120300000000202051" };
const STEPS = ["Read the invoice", "Only open invoices are paid", "Look for anything unusual", "Finance agrees", "Pay", "Say what was done"];

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const services = await h.slowServices(INVOICE);
  const asked = (count) => h.until(() => services.asked.length === count, `request number ${count} from the run`);

  await step("its invoice book and payment desk are slow ones", async () => {
    for (const name of ["erp_url", "payments_url"]) {
      await h.toPage(admin, "Variables");
      await h.follow(admin, name);
      await h.control(admin, "Value").fill(services.address);
      await h.press(admin, "Save");
      await h.says(admin, `The variable ${name} has its new value.`);
    }
    await h.toPage(admin, "Credentials");
    await h.follow(admin, "payment-desk");
    await h.control(admin, "Hosts").fill(new URL(services.address).host);
    await h.press(admin, "Save");
  });

  let notReloaded;
  await step("a run is started and its first step is under way", async () => {
    await h.startPayment(admin, "INV-20417");
    await h.stepIs(admin, "Read the invoice", "running");
    await asked(1);
    notReloaded = await h.neverReloaded(admin);
    h.mayLoseStream(admin);
  });

  await step("the server is killed with that step in flight, and asks again when it is back", async () => {
    await h.restartServer();
    await asked(2);
    services.answer();
  });

  await step("the same page goes on to the approval and says that the step was sent again", async () => {
    await h.stepIs(admin, "Read the invoice", "completed");
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.says(h.stepRow(admin, "Read the invoice"), /^Sent again .*after a restart$/);
  });

  await step("the server is killed while the approval waits, and it still waits", async () => {
    services.hold();
    await h.restartServer();
    await h.toPage(approver, "Approvals");
    await h.follow(approver, /^Review/);
  });

  await step("it is approved, and the server is killed with the payment in flight", async () => {
    await h.press(approver, "Approve");
    await h.stepIs(admin, "Pay", "running");
    await asked(3);
    await h.restartServer();
    await asked(4);
  });

  await step("the payment is sent again under its key, and the run completes on the page that never was loaded again", async () => {
    services.answer();
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    for (const name of STEPS) await h.stepIs(admin, name, "completed");
    await h.says(h.stepRow(admin, "Pay"), /^Sent again .*after a restart$/);
    await notReloaded();
    assert.deepEqual(services.asked.map(({ method }) => method), ["GET", "GET", "POST", "POST"]);
    const [first, second] = services.asked.slice(2).map(({ key }) => key);
    assert.ok(first && first === second, `paid under the keys ${first} and ${second}`);
  });

  await step("the page says the same when it is loaded again", async () => {
    const before = await h.words(admin.locator("#run-steps"));
    await admin.reload();
    assert.equal(await h.words(admin.locator("#run-steps")), before);
  });
  const way = await h.relay();
  const distant = await visitor("somebody behind a proxy", { baseURL: way.url, storageState: await admin.context().storageState() });
  await step("a run is watched through a proxy that is cut in the middle of an event", async () => {
    services.hold();
    await h.startPayment(admin, "INV-20418");
    await h.open(distant, new URL(admin.url()).pathname);
    await h.stepIs(distant, "Read the invoice", "running");
    h.mayLoseStream(distant);
    notReloaded = await h.neverReloaded(distant);
    way.goDownWithinTheNextEvent();
    services.answer();
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.until(way.isDown, "half an event");
  });

  await step("what it missed comes when the way is open again", async () => {
    way.goUp();
    for (const name of STEPS.slice(0, 3)) await h.stepIs(distant, name, "completed");
    await h.stepIs(distant, "Finance agrees", "waiting");
  });

  await step("it is cut again, and the run goes on to its end meanwhile", async () => {
    way.goDown();
    await h.open(approver, "/t/acme/approvals");
    await h.follow(approver, /^Review/);
    await h.press(approver, "Approve");
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    await h.stepIs(distant, "Finance agrees", "waiting");
    const before = way.asked.length;
    way.goUp();
    await distant.locator("#run-banner").getByText("Completed").waitFor();
    for (const name of STEPS) await h.stepIs(distant, name, "completed");
    await notReloaded();
    const again = way.asked.slice(before).find((head) => head.includes("/live"));
    assert.match(again ?? "", /^last-event-id: \d+$/im, "it says how far it had come");
  });

  await step("both pages say the same, event for event", async () => {
    for (const part of ["#run-steps", "#run-outputs", "#run-banner strong"]) {
      assert.equal(await h.words(distant.locator(part)), await h.words(admin.locator(part)));
    }
  });
  way.close();
  services.close();
});
