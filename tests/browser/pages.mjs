// Every page of the table of routes, as the test hands them over with somebody who sees them: no serious complaint of axe-core,
// nothing on the console, no violation of the content security policy, nothing wider than the window; in light and dark, on a
// phone and on a desk. And no page links to one that is not there.
import assert from "node:assert/strict";
import { inspect } from "./eyes.mjs";
import * as h from "./house.mjs";

/** The kind of a page: its address without what names one of many, and whether it is narrowed. */
function kind(url) {
  const { pathname, search } = new URL(url);
  return pathname.replace(/\/[a-z]+_[0-9a-z]{20,}/g, "/{id}").replace(/\/versions\/\d+/, "/versions/{n}") + (search ? "?" : "");
}

/** The pages that this one links to, without files, without what is for programs and without what leaves the tenant. */
function links(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("a[href]:not([download])")]
      .map((link) => link.href.split("#")[0])
      .filter((href) => href.startsWith(location.origin) && !href.includes("/go/") && !href.includes("/api/") && !href.includes("/a/")),
  );
}

h.journey(async ({ step, visitor }) => {
  const visitors = new Map();
  const problems = [];
  const linked = new Map();

  const as = async ({ who, cookie }) => {
    if (!visitors.has(who)) {
      const page = await visitor(who);
      if (cookie) await page.context().addCookies([{ name: "sid", value: cookie, url: h.house.url }]);
      visitors.set(who, page);
    }
    return visitors.get(who);
  };

  for (const entry of h.house.told("JOURNEY_PAGES")) {
    await step(`${entry.route}, as ${entry.who} sees it`, async () => {
      const page = await as(entry);
      await h.open(page, entry.path);
      assert.equal(await page.locator("h1").count(), 1, `${entry.path} has one heading that says what it is`);
      await inspect(page, problems);
      if (entry.who === "admin") for (const href of await links(page)) linked.set(kind(href), href);
    });
  }

  await step("every kind of page that one of them links to is there", async () => {
    const admin = visitors.get("admin");
    for (const href of linked.values()) await h.open(admin, href);
  });

  assert.deepEqual(problems, []);
});
