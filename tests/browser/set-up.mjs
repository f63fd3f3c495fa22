// From the set-up link to a first run under way, at 1280 px; and beside it a second tenant that sets everything up by hand,
// with an invoice book of its own, and sees nothing of the first.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as h from "./house.mjs";

const { house } = h;
const INVOICE = { id: "INV-4711", vendor: "Papeterie Blum", amount: 84.2, currency: "EUR", status: "open", iban: "DE02120300000000202051" };
/** The keys that the rehearsal services ask for; each is written on the service's own page. */
const DESK_KEY = "rehearsal-payment-desk-key";
const MODEL_KEY = "rehearsal-model-key";
const ANOTHER_PASSWORD = "seven lanterns over the quiet harbour";

/** The host and port of an address. */
const host = (address) => new URL(address).host;

h.journey(async ({ step, visitor }) => {
  const admin = await visitor("the admin");

  await step("the set-up link makes the first tenant with its samples", async () => {
    await h.setUp(admin, house.setupLink, { tenant: "Acme", name: "Ada Admin", email: "admin@acme.example", samples: true });
    await h.says(admin, "The tenant is made, and you are its admin. The sample workflows are there.");
    assert.match(admin.url(), /\/t\/acme/);
  });

  await step("the link works once", async () => {
    const stranger = await visitor("a stranger");
    await h.openRefused(stranger, house.setupLink, 409);
  });

  await step("an approver and a viewer are invited by mail", async () => {
    await h.invite(admin, { email: "approver@acme.example", name: "Fin Approver", role: "approver" });
    await h.invite(admin, { email: "viewer@acme.example", name: "Vic Viewer", role: "viewer" });
  });

  const approver = await visitor("the approver");
  const viewer = await visitor("the viewer");
  await step("both accept in browsers of their own", async () => {
    await h.acceptInvitation(approver, "approver@acme.example");
    await h.says(approver, "You are a member of Acme now.");
    await h.acceptInvitation(viewer, "viewer@acme.example");
    await h.says(viewer, "You are a member of Acme now.");
  });

  await step("the approver signs out, is refused with a wrong password, signs in and out", async () => {
    await h.signOut(approver);
    await h.refused(approver, 401, () => h.signIn(approver, "approver@acme.example", "not the password"));
    await h.signIn(approver, "approver@acme.example");
    await h.signOut(approver);
  });

  await step("the page of the vendor payment shows it checked", async () => {
    await h.toPage(admin, "Workflows");
    await h.follow(admin, "Vendor payment");
    for (const name of ["Read the invoice", "Only open invoices are paid", "Look for anything unusual", "Finance agrees", "Pay", "Say what was done"]) {
      await h.says(admin, name);
    }
    for (const part of ["cred://payment-desk", "erp_url", "payments_url", "invoice_id", "ask_above"]) await h.says(admin, part);
    const blocks = await h.words(admin.locator("section").filter({ has: admin.locator("#blocks-title") }));
    assert.match(blocks, /^Blocks that are not steps 1, never executed line \d+ A json block/);
  });

  await step("inputs of a wrong form start nothing", async () => {
    await h.follow(admin, "Start a run");
    await h.control(admin, "invoice_id").fill("20417");
    await admin.locator("form").filter({ has: h.control(admin, "invoice_id") }).evaluate((form) => (form.noValidate = true));
    await h.refused(admin, 422, () => h.press(admin, "Start the run"));
    await admin.locator("#errors").waitFor();
    assert.equal(await h.control(admin, "invoice_id").inputValue(), "20417");
    await h.toPage(admin, "Runs");
    await h.says(admin, "No runs yet");
  });

  await step("a first run is started, and its page comes to the approval by itself", async () => {
    await h.startPayment(admin, "INV-20417");
    const unchanged = await h.neverReloaded(admin);
    await h.says(admin, "Waiting for approval");
    await h.stepIs(admin, "Look for anything unusual", "completed");
    await h.stepIs(admin, "Finance agrees", "waiting");
    await h.stepIs(admin, "Pay", "idle");
    const banner = await h.words(admin.locator("#run-banner"));
    assert.match(banner, /^Waiting for 1 of role approver\. Asked .* ago\. Rejects itself on /);
    assert.match(banner, /Nothing of that has been sent yet\. After approval: POST to .* with the credential payment-desk/);
    await unchanged();
    assert.equal((await h.payments()).requests, 0);
  });

  await step("a member changes their password, and the old one is none any more", async () => {
    await h.open(viewer, "/account");
    await h.control(viewer, "Present password").fill(h.PASSWORD);
    await h.control(viewer, "New password").fill(ANOTHER_PASSWORD);
    await h.press(viewer, "Change it");
    await h.signOut(viewer);
    await h.refused(viewer, 401, () => h.signIn(viewer, "viewer@acme.example"));
    await h.signIn(viewer, "viewer@acme.example", ANOTHER_PASSWORD);
  });

  await step("a viewer may look and starts nothing", async () => {
    await h.toPage(viewer, "Runs");
    await h.follow(viewer, /^Vendor payment #1/);
    assert.equal(await viewer.getByRole("link", { name: "Run again" }).count(), 0);
    await h.openRefused(viewer, "/t/acme/workflows/vendor-payment/runs/new", 403);
  });

  await step("a disabled member is out at once", async () => {
    await h.toPage(admin, "Members");
    await h.press(admin, "Disable Vic Viewer");
    await h.says(admin, "Disabled");
    const response = await viewer.goto("/t/acme/runs");
    viewer.told.add(`${response.status()} ${response.url()}`);
    assert.ok(viewer.url().includes("/sign-in") || response.status() === 404, `${viewer.url()} answers ${response.status()}`);
    await h.press(admin, "Enable Vic Viewer");
  });

  const runOfAcme = await step("the run's address is known", async () => {
    await h.toPage(admin, "Runs");
    await h.follow(admin, /^Vendor payment #1/);
    return new URL(admin.url()).pathname;
  });

  const bea = await visitor("the admin of the second tenant");
  const book = await h.slowServices(INVOICE);
  await step("a second tenant is made by a link from the machine, without samples", async () => {
    const link = await h.mandate("tenant", "invite");
    assert.equal(link.code, 0, link.complaints);
    await h.setUp(bea, link.out.trim(), { tenant: "Globex", name: "Bea Boss", email: "admin@globex.example", samples: false });
    await h.says(bea, "The tenant is made, and you are its admin.");
  });

  await step("its empty pages say what belongs there", async () => {
    for (const [name, words] of [
      ["Workflows", "No workflows yet"],
      ["Runs", "No runs yet"],
      ["Approvals", "No approvals yet"],
      ["Budgets", "No workflows yet"],
      ["Credentials", "No credentials yet"],
      ["Model providers", "No model provider yet"],
      ["Variables", "No variables yet"],
    ]) {
      await h.toPage(bea, name);
      await h.says(bea, words);
      await h.noSideways(bea);
    }
  });

  await step("two variables and two credentials are set by hand", async () => {
    for (const [name, value] of [["erp_url", book.address], ["payments_url", house.paymentDesk]]) {
      await h.toPage(bea, "Variables");
      await h.control(bea, "Name").fill(name);
      await h.control(bea, "Value").fill(value);
      await h.press(bea, "Set it");
      await h.says(bea, `The variable ${name} is set.`);
    }
    for (const [name, value, where] of [["payment-desk", DESK_KEY, house.paymentDesk], ["model-key", MODEL_KEY, house.model]]) {
      await h.toPage(bea, "Credentials");
      await h.control(bea, "Name").fill(name);
      await h.control(bea, "Hosts").fill(host(where));
      await h.control(bea, "Value").fill(value);
      await h.press(bea, "Set it");
      await h.says(bea, `The credential ${name} is set.`);
      assert.ok(!(await bea.content()).includes(value), "the page shows the value of a credential");
    }
  });

  await step("a provider is set up; a model without a price that is a number is refused", async () => {
    await h.toPage(bea, "Model providers");
    await h.control(bea, "Name").fill("scripted");
    await h.control(bea, "Base URL").fill(`${house.model}/v1`);
    await h.control(bea, "Key").selectOption("model-key");
    await h.press(bea, "Set it up");
    await h.control(bea, "Model").fill("rehearsal-model");
    await h.control(bea, "In, $ per 1M tokens").fill("unknown");
    await h.control(bea, "Out, $ per 1M tokens").fill("0.60");
    await h.control(bea, "Longest answer").fill("4096");
    await h.refused(bea, 422, () => h.press(bea, "Add it"));
    await bea.locator("#errors").waitFor();
    assert.equal(await h.control(bea, "Model").inputValue(), "rehearsal-model");
    await h.control(bea, "In, $ per 1M tokens").fill("0.15");
    await h.press(bea, "Add it");
    await h.says(bea, "The model rehearsal-model is set up.");
  });

  await step("the same workflow is put in by its text", async () => {
    await h.toPage(bea, "Workflows");
    await h.follow(bea, /New workflow|Add a workflow/);
    await bea.locator("textarea.source-input").fill(readFileSync(new URL("../../examples/vendor-payment.md", import.meta.url), "utf8"));
    await h.press(bea, "Check it");
    await h.says(bea, "The file is sound.");
    await h.press(bea, "Save and publish");
    await bea.waitForURL(/\/workflows\/vendor-payment$/);
  });

  await step("its run is live while the invoice book takes its time", async () => {
    await h.startPayment(bea, INVOICE.id);
    const unchanged = await h.neverReloaded(bea);
    await h.stepIs(bea, "Read the invoice", "running");
    await bea.locator("#run-banner").getByText("Read the invoice is under way.").waitFor();
    book.answer();
    await h.stepIs(bea, "Read the invoice", "completed");
    await h.stepIs(bea, "Finance agrees", "waiting");
    await unchanged();
  });

  await step("it sees nothing of the first tenant", async () => {
    await h.openRefused(bea, runOfAcme, 404);
    await h.openRefused(bea, runOfAcme.replace("/t/acme/", "/t/globex/"), 404);
    await h.toPage(bea, "Runs");
    assert.ok(!(await bea.content()).includes("20417"));
  });
  book.close();
});
