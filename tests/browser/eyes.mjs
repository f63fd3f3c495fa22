// Looking at a page as everybody has to be able to: axe-core's serious and critical complaints, and nothing wider than the
// window; in light and dark, on a phone and on a desk.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as h from "./house.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Rules whose answer depends on colours; all others see the same in dark as in light. */
const OF_COLOURS = ["color-contrast", "link-in-text-block"];
const VARIANTS = [
  { colorScheme: "light", viewport: h.DESKTOP, only: null },
  { colorScheme: "light", viewport: h.PHONE, only: null },
  { colorScheme: "dark", viewport: h.PHONE, only: OF_COLOURS },
  { colorScheme: "dark", viewport: h.DESKTOP, only: OF_COLOURS },
];

/** Serious and critical complaints, in words. */
async function axe(page, only) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (only) => {
    const options = { resultTypes: ["violations"], ...(only ? { runOnly: { type: "rule", values: only } } : {}) };
    const { violations } = await globalThis.axe.run(document, options);
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\s+/g, " ")}`));
  }, only);
}

/** Looks at the page that is open in every scheme and width, and adds what is wrong with it to `problems`. */
export async function inspect(page, problems) {
  for (const { colorScheme, viewport, only } of VARIANTS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const where = `${new URL(page.url()).pathname} (${colorScheme}, ${viewport.width} px)`;
    for (const words of await axe(page, only)) problems.push(`${where}: ${words}`);
    if (colorScheme === "light") await h.noSideways(page).catch((error) => problems.push(`${where}: ${error.message}`));
  }
  await page.setViewportSize(h.DESKTOP);
  await page.emulateMedia({ colorScheme: "light" });
}
