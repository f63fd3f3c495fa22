// Deciding: the inbox, the decision on a phone of 360 px, what it says about the time after which nobody is asked any more, a
// rejection with its reason, a form that is filled in, a yes that pays once, and a yes to something that has changed meanwhile.
import assert from "node:assert/strict";
import * as h from "./house.mjs";

const { house } = h;
const REASON = "The account is not the one on file.\nPlease ask the vendor again.";
const DESK_KEY = "rehearsal-payment-desk-key";

/** The host and port of an address. */
const host = (address) => new URL(address).host;

h.journey(async ({ step, visitor }) => {
  const { admin, approver } = await step("a tenant with an approver", () => h.furnish(visitor));
  const runs = {};
  await step("three runs ask for something", async () => {
    await h.startPayment(admin, "INV-20417");
    await h.stepIs(admin, "Finance agrees", "waiting");
    runs.paid = admin.url();
    await h.startPayment(admin, "INV-20418", { ask_above: "0", note: "The vendor asked for it by telephone." });
    await h.stepIs(admin, "Finance agrees", "waiting");
    runs.rejected = admin.url();
    const expense = { employee: "Mira Lund", amount: "42.50", category: "meals", purpose: "Lunch with the warehouse" };
    await h.start(admin, "Expense report", expense);
    await h.stepIs(admin, "The manager decides", "waiting");
    runs.expense = admin.url();
  });
  /** Opens the approval of a run from the inbox. */
  const review = async (number) => {
    await h.open(approver, "/t/acme/approvals");
    await h.follow(approver, /^Review/, approver.getByRole("listitem").filter({ hasText: `#${number} ·` }));
    await approver.waitForURL(/\/approvals\/apr_/);
  };
  const main = () => h.words(approver.locator("main"));

  await step("the one who started them finds nothing to decide, and is told why", async () => {
    await h.toPage(admin, "Approvals");
    await h.says(admin, "Nothing waits for you.");
    await h.follow(admin, /^Pay 1840\.5 EUR to Nordlicht Druck/);
    await admin.locator("#why-not").waitFor();
    assert.equal(await admin.locator('button[name="decision"]').count(), 0);
  });

  await step("the inbox of the approver has all three, and says what happens when nobody decides", async () => {
    await approver.setViewportSize(h.PHONE);
    await h.open(approver, "/t/acme/approvals");
    const mine = approver.locator("section").filter({ has: approver.locator("#mine-title") });
    assert.match(await h.words(mine), /^Waits for you 3\b/);
    const row = (number) => h.words(mine.getByRole("listitem").filter({ hasText: `#${number} ·` }));
    assert.match(await row(1), /Vendor payment #1 · admin@acme\.example asks, .* ago · rejects itself \w{3} \d+ \w{3}, \d\d:\d\d UTC/);
    assert.match(await row(3), /Expense report #3 · admin@acme\.example asks, .* ago · goes on without a decision \w{3} \d+ \w{3}, \d\d:\d\d UTC/);
    await h.noSideways(approver);
  });

  await step("the mail leads there by way of the sign-in, and is followed as often as one likes", async () => {
    await h.open(approver, "/t/acme");
    await approver.locator("details.bar-top summary").click();
    await h.press(approver, "Sign out", approver.locator("details.bar-top"));
    await h.openMail(approver, "approver@acme.example", /Pay 1840\.5 EUR to Nordlicht Druck/);
    const link = await approver.locator(".mail-text a", { hasText: "/a/" }).getAttribute("href");
    await h.open(approver, link);
    await approver.waitForURL(/\/sign-in/);
    await h.signIn(approver, "approver@acme.example");
    await approver.waitForURL(/\/t\/acme\/approvals\/apr_/);
    for (let times = 0; times < 4; times++) await h.open(approver, link);
    assert.equal((await h.payments()).requests, 0);
  });

  await step("the decision says everything on a phone, and both buttons are for thumbs", async () => {
    await h.noSideways(approver);
    const page = await main();
    for (const part of ["Pay 1840.5 EUR to Nordlicht Druck", "INV-20417", "DE02120300000000202051", "cred://payment-desk", "POST", host(house.paymentDesk), "A model wrote parts of it, and what "]) {
      assert.ok(page.includes(part), `the approval does not say ${part}: ${page}`);
    }
    assert.match(page, /admin@acme\.example asks, .* ago\. Rejects itself on \w{3} \d+ \w{3}, \d\d:\d\d UTC\./);
    for (const name of ["Approve", "Reject"]) {
      const { x, y, width, height } = await approver.getByRole("button", { name, exact: true }).boundingBox();
      assert.ok(width >= 48 && height >= 48, `${name} is ${width} by ${height} px`);
      assert.ok(x >= 0 && y >= 0 && y + height <= h.PHONE.height, `${name} is in sight without scrolling, not at ${y}`);
    }
  });

  await step("a yes is given once", async () => {
    await h.press(approver, "Approve");
    await approver.locator(".pill.is-completed").first().waitFor();
    assert.equal(await approver.locator('button[name="decision"]').count(), 0);
  });

  await step("the run completes, with outputs, durations and cost, and has paid once", async () => {
    await h.open(admin, runs.paid);
    for (const name of ["Finance agrees", "Pay", "Say what was done"]) await h.stepIs(admin, name, "completed");
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    const outputs = await h.words(admin.locator("#run-outputs"));
    for (const part of [/payment_id \S+/, /amount 1840\.5/, /decided_by approver@acme\.example/]) assert.match(outputs, part);
    assert.match(await h.words(h.stepRow(admin, "Read the invoice").locator(".length")), /\d+ (ms|s)$/);
    assert.match(await h.words(h.stepRow(admin, "Look for anything unusual")), /\d+ tokens/);
    assert.match(await h.words(h.stepRow(admin, "Look for anything unusual").locator(".cost")), /\$0\.\d*[1-9]/);
    assert.match(await h.words(admin.locator("#facts")), /Cost \$0\.\d*[1-9]/);
    await h.follow(admin, "Look for anything unusual");
    assert.match(await h.words(admin.locator("#step-detail dl").first()), /\bTokens \d+/);
    const { requests, payments } = await h.payments();
    assert.deepEqual([requests, payments.length], [1, 1]);
  });

  await step("without a reason nothing is rejected", async () => {
    await review(2);
    await approver.getByRole("button", { name: "Reject", exact: true }).click();
    assert.equal(await h.control(approver, "Remark").evaluate((field) => field.validity.valueMissing), true);
  });

  await step("with one it is, and the run says so and has paid nothing", async () => {
    await h.control(approver, "Remark").fill(REASON);
    await h.press(approver, "Reject");
    await h.says(approver, "You rejected. Nothing of it is done.");
    assert.ok((await main()).includes("Rejected by approver@acme.example"));
    await h.open(admin, runs.rejected);
    await admin.locator("#run-banner").getByText("Finance agrees ended without a yes.").waitFor();
    const banner = await h.words(admin.locator("#run-banner"));
    assert.ok(banner.includes("The account is not the one on file."), banner);
    await h.stepIs(admin, "Pay", "idle");
    assert.equal((await h.payments()).requests, 1);
  });

  await step("a form is filled in; what is wrong in it is said at its field, and what was typed stays", async () => {
    await review(3);
    assert.ok((await main()).includes("Goes on without a decision on "), "what happens when nobody decides");
    await h.control(approver, "Cost centre").fill("12");
    await h.control(approver, "Remark for the employee").fill("Bring the bill next time");
    await approver.locator("form.decide-form").evaluate((form) => (form.noValidate = true));
    await h.refused(approver, 422, () => h.press(approver, "Approve"));
    await approver.locator("#errors").waitFor();
    assert.equal(await h.control(approver, "Remark for the employee").inputValue(), "Bring the bill next time");
    await h.control(approver, "Cost centre").fill("4200");
    await h.press(approver, "Approve");
    await h.says(approver, "You approved. The run goes on.");
    await h.open(admin, runs.expense);
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    const outputs = await h.words(admin.locator("#run-outputs"));
    for (const part of ["status approved", "cost_centre 4200", "remark Bring the bill next time"]) assert.ok(outputs.includes(part), outputs);
  });

  const stale = await visitor("the approver at another desk", { storageState: await approver.context().storageState() });
  await step("a decision is open while what it is about changes: the key of the payment desk is replaced", async () => {
    await h.startPayment(admin, "INV-20421", { ask_above: "0" });
    await h.stepIs(admin, "Finance agrees", "waiting");
    await review(4);
    await h.open(stale, approver.url());
    const another = await admin.context().newPage();
    await h.open(another, "/t/acme/credentials");
    await h.follow(another, "payment-desk");
    await h.control(another, "Value").fill(DESK_KEY);
    await h.press(another, "Replace it");
    await h.says(another, "replaced");
    await another.close();
  });

  await step("a yes to what was shown pays nothing: it is void, and asked anew with a mail of its own", async () => {
    const shown = approver.url();
    await h.press(approver, "Approve");
    await h.until(async () => {
      await h.open(approver, "/mailbox");
      return (await approver.getByRole("row").filter({ hasText: "Pay 2161.6 EUR" }).count()) === 2;
    }, "mail that asks anew");
    assert.equal((await h.payments()).requests, 1);
    await h.open(approver, shown);
    assert.match(await main(), /What it was about has changed, .*It is void\. If it is still wanted, it is asked anew/);
    await h.noSideways(approver);
  });

  await step("a page that stood open all the while is refused, and says why", async () => {
    await h.refused(stale, 409, () => h.press(stale, "Approve"));
    await stale.getByRole("alert").first().waitFor();
    assert.match(await h.words(stale.locator("main")), /changed|void/i);
    assert.equal((await h.payments()).requests, 1);
  });

  await step("what is asked anew says so, and a yes to it pays", async () => {
    await review(4);
    assert.match(await main(), /Asked for the second time: something of it had changed\./);
    await h.press(approver, "Approve");
    await admin.locator("#run-banner").getByText("Completed").waitFor();
    assert.equal((await h.payments()).payments.length, 2);
  });

  await step("what is decided stands in the list with who decided it", async () => {
    await h.open(approver, "/t/acme/approvals");
    const done = await h.words(approver.locator("section").filter({ has: approver.locator("#done-title") }));
    for (const part of ["Approved", "Rejected", "approver@acme.example"]) assert.ok(done.includes(part), done);
  });
});
