// Getting about without a pointer: Tab until something has the focus, and every stop on the way is looked at as WCAG 2.2 asks:
// there is a focus, it is in the window, it is marked as such (2.4.7), and nothing lies over all of it (2.4.11).
import assert from "node:assert/strict";

/** What is wrong with the focus where it is; empty when nothing is. Runs in the page. */
function complaint() {
  const element = document.activeElement;
  const name = (element?.outerHTML ?? "").slice(0, 120);
  if (!element || element === document.body || element === document.documentElement) return "nothing has the focus";
  // A box that is drawn around a native control belongs to it.
  const boxes = [...element.getClientRects()].filter(({ width, height }) => width > 0 && height > 0);
  const seen = boxes.filter(({ left, top, right, bottom }) => right > 0 && bottom > 0 && left < innerWidth && top < innerHeight);
  if (seen.length === 0) return `it is outside of the window: ${name}`;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) return `nothing marks it: ${name}`;
  const part = (from, to, most, share) => Math.min(Math.max(from, 0.5) + share * (Math.min(to, most - 0.5) - Math.max(from, 0.5)), most - 0.5);
  const isOwn = (hit) => hit !== null && (element.contains(hit) || hit.contains(element));
  const points = seen.flatMap(({ left, top, right, bottom }) =>
    [0.02, 0.5, 0.98].flatMap((across) => [0.02, 0.5, 0.98].map((down) => [part(left, right, innerWidth, across), part(top, bottom, innerHeight, down)])),
  );
  if (!points.some(([x, y]) => isOwn(document.elementFromPoint(x, y)))) return `something lies over it: ${name}`;
  return "";
}

/** Fails when whoever has no pointer cannot see where they are. */
export async function seesFocus(page, when) {
  assert.equal(await page.evaluate(complaint), "", `${when} on ${page.url()}`);
}

/** Presses Tab (or Shift and Tab) until this has the focus; it may take so many. */
export async function tabTo(page, locator, { most = 60, back = false } = {}) {
  for (let stops = 1; stops <= most; stops++) {
    await page.keyboard.press(back ? "Shift+Tab" : "Tab");
    await seesFocus(page, `after ${stops} tabs`);
    if (await locator.evaluate((element) => element === document.activeElement)) return stops;
  }
  return assert.fail(`${locator} is not reached by ${most} tabs on ${page.url()}`);
}

/** Goes to a link or a button and presses it; waits for the page after it. */
export async function go(page, locator, options = {}) {
  const stops = await tabTo(page, locator, options);
  const before = page.reloads;
  await page.keyboard.press("Enter");
  const end = Date.now() + 30_000;
  while (page.reloads === before) {
    assert.ok(Date.now() < end, `${page.url()} leads nowhere`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return stops;
}

/** Goes through every stop of a page, from its beginning round to it. Gives how many there are. */
export async function goRound(page, most = 400) {
  await page.evaluate(() => document.activeElement?.blur?.());
  const first = page.getByRole("link", { name: "Skip to content" });
  for (let stops = 0; stops <= most; stops++) {
    await page.keyboard.press("Tab");
    const isOver = await page.evaluate(() => document.activeElement === document.body || document.activeElement === null);
    if (isOver || (stops > 0 && (await first.count()) && (await first.evaluate((element) => element === document.activeElement)))) return stops;
    await seesFocus(page, `at stop ${stops + 1}`);
  }
  return assert.fail(`${page.url()} holds the focus: it is not left after ${most} tabs`);
}
