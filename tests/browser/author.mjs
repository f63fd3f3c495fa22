// Writing a workflow: its mistakes are all told at once, each at its line; they are mended, the file is saved, its version is
// there to be read, it is started; and the next version leaves that of the run before as it was.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as h from "./house.mjs";

const SAMPLE = readFileSync(new URL("../../examples/vendor-payment.md", import.meta.url), "utf8")
  .replace("id: vendor-payment", "id: small-payment")
  .replace("name: Vendor payment", "name: Small payment");
/** What is typed wrong, what is meant, the word that is marked, and what is said. */
const MISTAKES = [
  { wrong: "output_varaible: review", right: "output_variable: review", marked: "output_varaible", said: "Did you mean output_variable?" },
  { wrong: "inputs.invioce_id }}", right: "inputs.invoice_id }}", marked: "inputs.invioce_id", said: "There is no input invioce_id." },
  { wrong: "max_attempts: many", right: "max_attempts: 4", marked: "many", said: "max_attempts is a whole number" },
];

/** The number of the only line that has this. */
function lineOf(text, part) {
  const lines = text.split("\n").map((line, index) => [line, index + 1]).filter(([line]) => line.includes(part));
  assert.equal(lines.length, 1, `${part} is on ${lines.length} lines`);
  return lines[0][1];
}

h.journey(async ({ step, visitor }) => {
  const { admin } = await step("a tenant with the samples", () => h.furnish(visitor));
  const source = admin.locator("textarea.source-input");
  const findings = admin.locator("section").filter({ has: admin.locator("#errors-title") }).locator("ol.diagnostics > li");
  const save = () => h.press(admin, /^Save( and publish)?$/);
  let text = MISTAKES.reduce((whole, { wrong, right }) => whole.replace(right, wrong), SAMPLE);

  await step("a file with three mistakes is refused, and each is told at its line", async () => {
    await h.toPage(admin, "Workflows");
    await h.follow(admin, "New workflow");
    await source.fill(text);
    await h.refused(admin, 422, () => h.press(admin, "Check it"));
    await h.says(admin, "Nothing was saved.");
    assert.equal(await source.inputValue(), text, "the text is still there");
    for (const { wrong, marked, said } of MISTAKES) {
      const finding = findings.filter({ hasText: said });
      assert.match(await h.words(finding.locator(".where")), new RegExp(`^line ${lineOf(text, wrong)}, column \\d+$`), said);
      assert.equal(await h.words(finding.locator("mark")), marked, said);
    }
  });

  await step("one is mended, and the others are still told", async () => {
    text = text.replace(MISTAKES[0].wrong, MISTAKES[0].right);
    await source.fill(text);
    await h.refused(admin, 422, () => h.press(admin, "Check again"));
    for (const [index, { said }] of MISTAKES.entries()) assert.equal(await findings.filter({ hasText: said }).count(), index === 0 ? 0 : 1, said);
  });

  await step("nothing of it is in the list", async () => {
    const another = await admin.context().newPage();
    await h.open(another, "/t/acme/workflows");
    assert.equal(await another.getByRole("link", { name: "Small payment", exact: true }).count(), 0);
    await another.close();
  });

  await step("all are mended: it says what it would do, before it is saved", async () => {
    await source.fill(SAMPLE);
    await h.press(admin, "Check again");
    await h.says(admin, "The file is sound.");
    assert.match(await h.words(admin.locator("ol.steps-plan")), /1 Read the invoice .* 4 Finance agrees .* 5 Pay .* cred:\/\/payment-desk/);
    await h.says(admin.locator("section.mandate"), "1 of role approver");
    await save();
    await admin.waitForURL(/\/workflows\/small-payment$/);
  });

  const versions = admin.locator("section").filter({ has: admin.locator("#versions-title") });
  await step("its first version can be read, line by line", async () => {
    await versions.getByRole("link", { name: /^(Version )?1$/ }).first().click();
    await admin.waitForURL(/\/versions\/1$/);
    const lines = admin.locator("ol.source > li");
    assert.equal(await lines.count(), SAMPLE.trimEnd().split("\n").length);
    const number = lineOf(SAMPLE, "idempotency_key:");
    assert.match(await h.words(lines.nth(number - 1)), new RegExp(`^${number} idempotency_key`));
  });

  await step("a run of it is started, and says which version it is", async () => {
    await h.start(admin, "Small payment", { invoice_id: "INV-20417" });
    await h.stepIs(admin, "Finance agrees", "waiting");
    assert.match(await h.words(admin.locator("#facts")), /Version 1\b/);
  });
  const run = admin.url();

  await step("a second version is saved", async () => {
    await h.toPage(admin, "Workflows");
    await h.follow(admin, "Small payment");
    await h.follow(admin, "New version");
    await admin.waitForURL(/\/workflows\/new\?from=|\/workflows\/small-payment/);
    assert.equal((await source.inputValue()).trimEnd(), SAMPLE.trimEnd(), "it begins with the text in force");
    await source.fill(SAMPLE.replace("version: 1.0.0", "version: 1.1.0").replace("limit: 0.25", "limit: 0.20"));
    await h.press(admin, "Check it");
    await h.says(admin, "The file is sound.");
    await save();
    await admin.waitForURL(/\/workflows\/small-payment$/);
    await versions.getByRole("link", { name: /^(Version )?2$/ }).first().waitFor();
  });

  await step("the next run is of the second version, and the first keeps its own", async () => {
    await h.start(admin, "Small payment", { invoice_id: "INV-20418" });
    assert.match(await h.words(admin.locator("#facts")), /Version 2\b/);
    await h.open(admin, run);
    assert.match(await h.words(admin.locator("#facts")), /Version 1\b/);
    await h.follow(admin, "1", admin.locator("#facts"));
    await h.says(admin, "limit: 0.25");
  });
});
