// What every journey shares: the browser and its visitors, the watch over what a browser complains about, the steps a
// failure is told by, and what people do on every page of the product (sign in, read their mail).
//
// A journey is a file of its own that calls `journey(...)`; tests/house/browser.rs starts it beside a server.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { connect, createServer as createRelay } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set: run this through \`cargo test --package tests --test house\``);

/** Where the server is and what belongs to it; houses of the test's own process have no more than an address and a folder. */
export const house = {
  url: need("JOURNEY_URL"),
  folder: need("JOURNEY_FOLDER"),
  get setupLink() { return need("JOURNEY_SETUP_LINK"); },
  get binary() { return need("JOURNEY_BINARY"); },
  /** The one port beside the rehearsal services that runs may reach. */
  get port() { return Number(need("JOURNEY_PORT")); },
  get invoiceBook() { return need("JOURNEY_INVOICE_BOOK"); },
  get paymentDesk() { return need("JOURNEY_PAYMENT_DESK"); },
  get model() { return need("JOURNEY_MODEL"); },
  /** What a house of the test's own process tells of itself. */
  told: (name) => JSON.parse(need(name)),
};

export const DESKTOP = { width: 1280, height: 860 };
export const PHONE = { width: 360, height: 740 };
/** Everybody's password. */
export const PASSWORD = "harbour violet trombone 7";

/** The longest that one thing may take until it is seen. */
const PATIENCE = 30_000;
/** The longest that a whole journey may take. */
const WHOLE = 840_000;

const CHROMIUMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function executable() {
  const named = process.env.CHROMIUM;
  if (named) return named;
  for (const path of CHROMIUMS) {
    try {
      execFileSync(path, ["--version"], { stdio: "ignore" });
      return path;
    } catch {
      // The next one.
    }
  }
  return assert.fail("no Chromium: tests/set-up.sh installs it, or CHROMIUM names another");
}

/** Runs a journey, tells its steps, and ends the process. `body` is given { step, visitor }. */
export async function journey(body) {
  const began = Date.now();
  const guard = setTimeout(() => {
    console.log(`not over after ${WHOLE / 1000} s, which is the longest a journey may take`);
    process.exit(1);
  }, WHOLE);
  const browser = await chromium.launch({ executablePath: executable(), args: ["--disable-dev-shm-usage", "--disable-gpu"] });
  const pages = [];
  const complaints = [];
  const told = new Set();
  const unexpected = ({ status, url }) => !told.has(`${status} ${url}`);

  const visitor = async (name, options = {}) => {
    const { viewport = DESKTOP, ...rest } = options;
    const context = await browser.newContext({ viewport, baseURL: house.url, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...rest });
    context.setDefaultTimeout(PATIENCE);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: house.url });
    const page = await context.newPage();
    watch(page, name, complaints, told);
    pages.push({ name, page });
    return page;
  };

  let now = "before the first step";
  const step = async (words, act) => {
    now = words;
    const from = Date.now();
    const value = await act();
    console.log(`  ${words} (${Date.now() - from} ms)`);
    return value;
  };

  // What is awaited beside something that failed fails too, later and unheard: the first failure is the one to tell.
  const unheard = [];
  process.on("unhandledRejection", (error) => unheard.push(error));
  let failed = false;
  try {
    await body({ step, visitor, browser });
    if (unheard.length > 0) throw unheard[0];
    // What a page complains about is told a little after it happened: a last answer of each page comes after it.
    for (const { page } of pages) if (!page.isClosed()) await page.title();
    assert.deepEqual(complaints.filter(unexpected).map(({ words }) => words), [], "the browser complained");
  } catch (error) {
    failed = true;
    console.log(`FAILED: ${now}\n${error.stack ?? error}`);
    for (const { words } of complaints.filter(unexpected)) console.log(`complaint: ${words}`);
    for (const [index, { name, page }] of pages.entries()) await show(page, name, index);
  }
  await browser.close();
  clearTimeout(guard);
  console.log(`${failed ? "failed" : "done"} after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  process.exit(failed ? 1 : 0);
}

/** What stood on a page when a journey failed, for whoever reads the failure. */
async function show(page, name, index) {
  if (page.isClosed()) return;
  const file = join(house.folder, `failed-${index}-${name.replace(/\W+/g, "-")}.png`);
  try {
    await page.screenshot({ path: file, timeout: 5_000 });
    const words = (await page.locator("body").innerText({ timeout: 2_000 })).replace(/\s*\n\s*/g, " | ").slice(0, 1_500);
    console.log(`\n${name} was at ${page.url()} (picture: ${file})\n${words}`);
  } catch (error) {
    console.log(`\n${name} was at ${page.url()}, which could not be shown: ${error.message}`);
  }
}

function watch(page, name, complaints, told) {
  page.told = told;
  page.reloads = 0;
  page.on("load", () => (page.reloads += 1));
  page.on("pageerror", (error) => complaints.push({ words: `${name}: ${error.stack ?? error}` }));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const lost = /net::ERR_|network error|Failed to fetch/.test(message.text());
    const status = lost ? "lost" : (/status of (\d+)/.exec(message.text())?.[1] ?? "");
    const url = lost ? page.url() : message.location().url;
    complaints.push({ status, url, words: `${name} at ${page.url()}: ${message.type()}: ${message.text()} (${url})` });
  });
}

/** Opens a page that has to be there. */
export async function open(page, address) {
  const response = await page.goto(address);
  assert.equal(response.status(), 200, `${address} answers ${response.status()}`);
}

/** Opens an address that has to be refused with this status. */
export async function openRefused(page, address, status) {
  page.told.add(`${status} ${new URL(address, house.url).href}`);
  const response = await page.goto(address);
  assert.equal(response.status(), status, `${address} answers ${response.status()}`);
  await noSideways(page);
}

/** Does what leads to a page that says no with this status. */
export async function refused(page, status, act) {
  const answers = page.waitForResponse((response) => response.request().isNavigationRequest());
  // The browser tells before the answer can be waited for; so it is settled when the journey ends.
  const [response] = await Promise.all([answers, act()]);
  page.told.add(`${status} ${response.url()}`);
  assert.equal(response.status(), status, `${response.url()} answers ${response.status()}`);
}

/** The control with this label, whatever stands in brackets after it. */
export function control(page, label) {
  const name = new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}( \\(.*\\))?$`);
  return page.locator("input, select, textarea").and(page.getByLabel(name));
}

/** Presses a button that sends a form, and waits for the page after it. */
export async function press(page, name, within = page) {
  await within.getByRole("button", { name, exact: typeof name === "string" }).click();
  await page.waitForLoadState("load");
}

/** Follows a link by its words. */
export async function follow(page, name, within = page) {
  await within.getByRole("link", { name, exact: typeof name === "string" }).first().click();
  await page.waitForLoadState("load");
}

/** Goes to a page of the navigation at the left. */
export async function toPage(page, name) {
  await page.locator("header.rail").getByRole("link", { name: new RegExp(`^${name}`) }).click();
  await page.waitForLoadState("load");
}

/** Waits until a page says this; for pages that change by themselves. */
export async function says(page, words) {
  await page.getByText(words).first().waitFor({ state: "visible" });
}

/** The words of a part of the page, on one line. */
export async function words(locator) {
  return (await locator.innerText()).replace(/\s+/g, " ").trim();
}

/** Fails when the page is wider than the window. */
export async function noSideways(page) {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const out = [];
    for (const element of document.body.querySelectorAll("*")) {
      if (element.getBoundingClientRect().right > width + 0.5) out.push(`${element.tagName.toLowerCase()}.${element.className}`);
    }
    return [`${document.documentElement.scrollWidth} px of ${width}`, ...out.slice(0, 6)];
  });
  assert.deepEqual(wide, [], `${page.url()} is wider than its window`);
}

export async function signIn(page, email, password = PASSWORD) {
  if (!page.url().includes("/sign-in")) await page.goto("/sign-in");
  await control(page, "E-mail").fill(email);
  await control(page, "Password").fill(password);
  await press(page, "Sign in");
}

export async function signOut(page) {
  await page.locator("header.rail details.account summary").click();
  await press(page, "Sign out", page.locator("header.rail"));
  await page.waitForURL(/\/sign-in/);
}

/** Fills the form of a set-up link. */
export async function setUp(page, link, { tenant, name, email, samples }) {
  await open(page, link);
  await control(page, "Name of the tenant").fill(tenant);
  await control(page, "Your name").fill(name);
  await control(page, "Your e-mail").fill(email);
  await control(page, "Password").fill(PASSWORD);
  await page.getByRole("checkbox", { name: /^Put in the sample workflow/ }).setChecked(samples);
  await press(page, "Make the tenant");
}

/** Invites somebody from the page of members. */
export async function invite(page, { email, name, role }) {
  await toPage(page, "Members");
  await control(page, "E-mail").fill(email);
  await control(page, "Name").fill(name);
  await control(page, "Role").selectOption(role);
  await press(page, "Send the invitation");
  await says(page, `An invitation is on its way to ${email}.`);
}

/** Opens the newest mail to somebody in the local mailbox, once it is there. Mail is sent beside the work, never in it. */
export async function openMail(page, to, subject) {
  const row = page.getByRole("row").filter({ hasText: `to ${to}` }).filter({ hasText: subject });
  await until(async () => {
    await open(page, "/mailbox");
    return (await row.count()) > 0;
  }, `a mail to ${to} about ${subject}`);
  await row.first().getByRole("link").click();
  await page.locator("article.card").getByText(to).first().waitFor();
}

/** Accepts an invitation that came by mail, in a browser of one's own. */
export async function acceptInvitation(page, email) {
  await openMail(page, email, /invit|Join/i);
  await page.locator(".mail-text a").first().click();
  await control(page, "Password").fill(PASSWORD);
  await press(page, "Join");
}

/** A tenant with the samples, its admin, and an approver who accepted; both in browsers of their own. */
export async function furnish(visitor, options = {}, admin = undefined) {
  admin ??= await visitor("the admin", options);
  await setUp(admin, house.setupLink, { tenant: "Acme", name: "Ada Admin", email: "admin@acme.example", samples: true });
  await invite(admin, { email: "approver@acme.example", name: "Fin Approver", role: "approver" });
  const approver = await visitor("the approver", options);
  await acceptInvitation(approver, "approver@acme.example");
  return { admin, approver };
}

/** Starts a workflow from its page with these inputs; ends on the page of the run. */
export async function start(page, workflow, inputs) {
  await toPage(page, "Workflows");
  await follow(page, workflow);
  await follow(page, "Start a run");
  for (const [label, value] of Object.entries(inputs)) {
    const field = control(page, label);
    if ((await field.evaluate((element) => element.tagName)) === "SELECT") await field.selectOption(value);
    else await field.fill(value);
  }
  await press(page, "Start the run");
  await page.waitForURL(/\/runs\/run_/);
}

/** Starts the sample that pays an invoice. */
export const startPayment = (page, invoice, fields = {}) => start(page, "Vendor payment", { invoice_id: invoice, ...fields });

/** Makes an API key of the one who is signed in, with these scopes, and gives it. */
export async function makeKey(page, name, scopes) {
  await open(page, "/account/keys");
  await control(page, "What it is for").fill(name);
  for (const scope of scopes) await page.getByRole("checkbox", { name: scope, exact: true }).check();
  await press(page, "Make the key");
  return (await page.locator("#new-key").innerText()).trim();
}

/** Starts a run through the API, and gives what it answers. */
export async function startByKey(key, workflow, inputs) {
  const response = await fetch(`${house.url}/api/v1/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": randomUUID() },
    body: JSON.stringify({ workflow, inputs }),
  });
  const answer = await response.text();
  assert.ok(response.ok, answer);
  return JSON.parse(answer);
}

/** The row of a step on the page of a run. */
export const stepRow = (page, name) => page.locator("#run-steps li.step").filter({ has: page.locator(".step-words b", { hasText: name }) });

/** Waits until a step is in this state: idle, running, waiting, completed, failed or cancelled. */
export async function stepIs(page, name, state) {
  await page.locator(`#run-steps li.step.is-${state}`).filter({ has: page.locator(".step-words b", { hasText: name }) }).waitFor();
}

/** Remembers the page as it stands, and later fails if it was loaded again since. */
export async function neverReloaded(page) {
  await page.evaluate(() => (globalThis.loadedOnce = true));
  return async () => assert.equal(await page.evaluate(() => globalThis.loadedOnce), true, `${page.url()} was loaded again`);
}

/** The live stream of the page that is open may be lost: a browser says so on its console. */
export function mayLoseStream(page) {
  page.told.add(`lost ${page.url()}`);
}

/** What the rehearsal payment desk was asked since the server started. */
export async function payments() {
  return (await fetch(`${house.paymentDesk}/payments`)).json();
}

/** Asks again and again until it is so. */
export async function until(holds, what) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `there is no ${what} after ${PATIENCE / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs the binary on the machine of the server. Gives { code, out, complaints }. */
export async function mandate(...args) {
  try {
    const { stdout, stderr } = await promisify(execFile)(house.binary, args, { cwd: house.folder });
    return { code: 0, out: stdout, complaints: stderr };
  } catch (error) {
    return { code: error.code, out: error.stdout, complaints: error.stderr };
  }
}

/** Kills the server as kill -9 does, and has it started again on the same ports and folder. */
export async function restartServer() {
  const lines = createInterface({ input: process.stdin });
  const answered = new Promise((resolve) => lines.once("line", resolve));
  process.stdout.write("@restart\n");
  assert.equal(await answered, "@restarted");
  lines.close();
}

/**
 * An invoice book and a payment desk that answer when they are told to: a run that asks them stays at that step meanwhile.
 * `asked` holds { method, key } of every request.
 */
export async function slowServices(invoice) {
  const asked = [];
  let waiting = [];
  let held = true;
  const answer = ({ method }, response) => {
    const body = method === "POST" ? { id: "PAY-0001", status: "accepted" } : invoice;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    asked.push({ method: request.method, key: request.headers["idempotency-key"] });
    if (held) waiting.push([request, response]);
    else answer(request, response);
  });
  await new Promise((resolve) => server.listen(house.port, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${house.port}`,
    asked,
    hold: () => (held = true),
    answer() {
      held = false;
      for (const [request, response] of waiting) answer(request, response);
      waiting = [];
    },
    close: () => server.close(),
  };
}

/**
 * What stands between a browser and the server, and dies: a relay of connections on a port of its own. `asked` holds the head of
 * every request that went through it.
 */
export async function relay() {
  const { hostname, port } = new URL(house.url);
  const open = new Set();
  const asked = [];
  let isDown = false;
  let halve = false;
  const server = createRelay((near) => {
    if (isDown) return near.destroy();
    const far = connect(Number(port), hostname);
    const end = () => [near, far].forEach((socket) => socket.destroy());
    open.add(end);
    near.on("data", (bytes) => {
      asked.push(bytes.toString("latin1").split("\r\n\r\n")[0]);
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (halve && bytes.includes("hx-partial")) {
        halve = false;
        isDown = true;
        return near.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => cut());
      }
      near.write(bytes);
    });
    for (const socket of [near, far]) socket.on("error", end).on("close", end).on("close", () => open.delete(end));
  });
  const cut = () => [...open].forEach((end) => end());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    /** Every connection through it ends at once, and no other gets through until it is up again. */
    goDown() {
      isDown = true;
      cut();
    },
    goUp: () => (isDown = false),
    /** It goes down in the middle of the next event of a live page. */
    goDownWithinTheNextEvent: () => (halve = true),
    isDown: () => isDown,
    close() {
      cut();
      server.close();
    },
  };
}
