// The pictures of the documentation. Every page that is pictured is opened, and has to say what its caption promises; every
// picture has to be kept, small enough, and shown in docs/ with a caption, and nothing else may lie beside them. They are taken
// anew for `make pictures`.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as h from "./house.mjs";

const { shown, now, cookies, make, documentation } = h.house.told("JOURNEY_PICTURES");
const FOLDER = join(documentation, "screenshots");
/** Bytes of one picture, and of all. */
const MOST = 200_000;
const MOST_IN_ALL = 2_000_000;
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 360, height: 740 };

const SAMPLE = readFileSync(new URL("../../examples/vendor-payment.md", import.meta.url), "utf8");
/** Puts a file with mistakes in and has it checked. */
async function check(page) {
  const wrong = SAMPLE.replace("inputs.invoice_id }}\"", "inputs.invioce_id }}\"").replace("max_attempts: 4", "max_attempts: many").replace("reasons | join", "reasons | joni");
  await page.locator("textarea.source-input").fill(wrong);
  await h.refused(page, 422, () => h.press(page, "Check it"));
}

/** What is pictured: for whom, where, what has to be read there; at a desk in light where nothing else is said. */
const PICTURES = [
  { file: "home.png", path: "", says: ["Recent runs", "Spending", "failed at"] },
  { file: "run.png", path: `/runs/${shown.run}`, says: ["Waiting for 1 of role approver.", "Nothing of that has been sent yet.", "The mandate of this run"] },
  { file: "run-dark.png", path: `/runs/${shown.run}`, scheme: "dark", says: ["Waiting for 1 of role approver."] },
  { file: "approval-phone.png", who: "approver", path: `/approvals/${shown.approval}`, size: PHONE, says: ["1840.5 EUR", "What will happen if you approve", "Approve"] },
  { file: "approval-phone-dark.png", who: "approver", path: `/approvals/${shown.approval}`, size: PHONE, scheme: "dark", says: ["1840.5 EUR"] },
  { file: "approvals.png", who: "approver", path: "/approvals", says: ["Waits for you", "Decided"] },
  { file: "runs.png", path: "/runs?workflow=vendor-payment", says: ["workflow: Vendor payment", "Failed", "Cancelled", "Completed"] },
  { file: "failed.png", path: `/runs/${shown.failed}`, says: ["is paid, not open", "The steps after it were not begun.", "Attempt 3 succeeded"] },
  { file: "workflow.png", path: "/workflows/vendor-payment", says: ["What this workflow may do", "Ready"] },
  { file: "mistakes.png", path: "/workflows/new", act: check, says: ["The file has 3 errors.", "Did you mean"] },
  { file: "budgets.png", path: "/budgets", says: ["of $0.2000 spent this month", "counted anew on", "Vendor payment"] },
  { file: "audit.png", path: "/audit", says: ["rows in one chain", "Whole", "approval.requested"] },
  { file: "permissions.png", path: "/permissions", says: ["held by the role itself", "budget_owner"] },
];

/** The pictures that the documentation shows, each with its caption. */
function captions() {
  const pages = readdirSync(documentation, { recursive: true }).filter((name) => name.endsWith(".md"));
  const all = pages.flatMap((name) => [...readFileSync(join(documentation, name), "utf8").matchAll(/!\[([^\]]*)\]\(([^)]*screenshots\/)([^)]+)\)/g)]);
  return new Map(all.map(([, caption, , file]) => [file, caption]));
}

h.journey(async ({ step, visitor }) => {
  const pages = {};
  for (const [who, cookie] of Object.entries(cookies)) {
    const page = await visitor(who);
    await page.context().addCookies([{ name: "sid", value: cookie, url: h.house.url }]);
    // The clock of the house stands still, and so does the browser's.
    await page.clock.setFixedTime(now);
    pages[who] = page;
  }

  for (const { file, who = "admin", path, size = DESK, scheme = "light", says, act } of PICTURES) {
    await step(file, async () => {
      const page = pages[who];
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: scheme });
      await h.open(page, `/t/acme${path}`);
      if (act) await act(page);
      const told = await h.words(page.locator("main"));
      for (const words of says) assert.ok(told.includes(words), `${file} is to show "${words}", and its page says: ${told}`);
      if (make) writeFileSync(join(FOLDER, file), await page.screenshot({ animations: "disabled" }));
    });
  }

  await step("each picture is kept and shown with a caption, and no other is", async () => {
    const listed = PICTURES.map(({ file }) => file).sort();
    const shownWith = captions();
    assert.deepEqual([...shownWith.keys()].sort(), listed, "what docs/ shows is what is listed in pictures.mjs");
    for (const [file, caption] of shownWith) assert.ok(caption.length > 10, `${file} has no caption`);
    assert.deepEqual(readdirSync(FOLDER).sort(), listed, "docs/screenshots holds what is listed; `make pictures` makes it");
    const sizes = listed.map((file) => [file, statSync(join(FOLDER, file)).size]);
    for (const [file, size] of sizes) assert.ok(size < MOST, `${file} has ${size} bytes`);
    assert.ok(sizes.reduce((sum, [, size]) => sum + size, 0) < MOST_IN_ALL, "all of them are too large");
    for (const { file, size = DESK } of PICTURES) {
      const png = readFileSync(join(FOLDER, file));
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [size.width, size.height], `${file} has another size: make it anew`);
    }
  });
});
