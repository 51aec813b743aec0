// An operator at the status page: Chromium, driven by puppeteer-core; axe-core looks at each view. Steps and what
// was seen go out as lines of JSON; what the test has to do meanwhile is asked for by a line, and waited for.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [mode, base, profile] = process.argv.slice(2);
const shots = process.env.TIDEGATE_SCREENSHOTS;
const place = createRequire(join(process.cwd(), "package.json"));
const { default: puppeteer } = await import(pathToFileURL(place.resolve("puppeteer-core")));
const axe = readFileSync(place.resolve("axe-core/axe.min.js"), "utf8");
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (said) => console.log(JSON.stringify(said));
const please = async (what) => {
  say({ please: what });
  return (await answers.next()).value;
};

const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-proxy-server"];
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "chromium", userDataDir: profile, args });
const faults = [];

async function opened(address, { width = 1440, scheme = "light" } = {}) {
  const page = await browser.newPage();
  // answers that refuse are said there too: what matters is what the page itself does wrong, or its policy forbids
  page.on("console", (message) => { if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => faults.push(`page: ${error.message}`));
  page.on("request", (request) => { if (!request.url().startsWith(base)) faults.push(`asked elsewhere: ${request.url()}`); });
  page.setDefaultTimeout(60_000);
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(`${base}/${address}`);
  await page.waitForSelector(".view h1");
  return page;
}

const textOf = (page, selector) => page.$eval(selector, (found) => found.innerText);
const until = (page, judge, ...given) => page.waitForFunction(judge, { polling: 50 }, ...given);
const says = (page, selector, text) => until(page, (s, t) => document.querySelector(s)?.innerText.includes(t), selector, text);
const press = (page, label) => page.locator(`::-p-aria(${label})`).click();

/** Two more looks of the page at the daemon. */
async function looks(page) {
  for (let look = 0; look < 2; look += 1) await page.waitForResponse((reply) => reply.url().includes("/admin/overview"));
}

async function rates() {
  const page = await opened("#/");
  const rate = () => page.$$eval(".tile", (tiles) => tiles.find((tile) => tile.innerText.startsWith("Pushed items")).querySelector(".value").innerText);
  await until(page, () => Number.parseFloat(document.querySelector(".tile .value").innerText) > 0);
  const first = await rate();
  await until(page, (before) => ![before, "…"].includes(document.querySelector(".tile .value").innerText), first);
  const row = (name) => page.$$eval("tbody tr", (rows, wanted) => rows.find((found) => found.innerText.includes(wanted)).innerText, name);
  say({ rates: [first, await rate()], acme: await row("acme"), crest: await row("crest"), seen_state: await textOf(page, "#state") });
  const names = () => page.$$eval("tbody tr th", (heads) => heads.map((head) => head.innerText));
  say({ order: await names() });
  await page.type("input[type=search]", "slo");
  await until(page, () => document.querySelectorAll("tbody tr").length === 1);
  const chip = await page.evaluateHandle(() => [...document.querySelectorAll(".chip")].find((found) => found.innerText.startsWith("Plans wait")));
  await page.$eval("input[type=search]", (field) => { field.value = ""; field.dispatchEvent(new Event("input")); });
  await chip.click();
  await until(page, () => document.querySelectorAll("tbody tr").length === 3);
  say({ with_plans: await names() });
  await page.close();
}

async function plans() {
  const page = await opened("#/partners/acme");
  await says(page, "main", "40 deletes");
  await press(page, "Approve plan 1 of acme");
  await page.waitForSelector("dialog[open]");
  await press(page, "Approve and delete");
  await says(page, "dialog .fault", "Say why");
  await page.type("dialog textarea", "the partner has sold them");
  await looks(page);
  await press(page, "Approve and delete");
  await says(page, "#told", "approved");
  say({ approved: await textOf(page, "#told span") });
  await page.goto(`${base}/#/partners/bolt/plans/1`);
  await says(page, "main", "40 deletes");
  // by the keyboard alone: from the top of the page to the dialog, and back out of it
  const reach = async (label) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((wanted) => document.activeElement.getAttribute("aria-label") === wanted, label)) return;
    }
    throw new Error(`${label} cannot be reached by the keyboard`);
  };
  await reach("Reject plan 1 of bolt");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("dialog").open);
  const back = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.type("a broken export");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await says(page, "#told", "rejected");
  await says(page, "main", "a broken export");
  say({ rejected: await textOf(page, "#told span"), focus_came_back_to: back });
  await page.close();
}

async function mending() {
  const page = await opened("#/partners/dune");
  const row = await page.waitForSelector("::-p-aria(Row)[role=link]").catch(() => null) ?? await page.waitForSelector("tbody th a");
  const shown = await textOf(page, "main");
  await row.click();
  const raw = await page.waitForSelector("#raw");
  const text = await raw.evaluate((field) => field.value);
  await press(page, "Release");
  await says(page, "#raw-fault", "Refused still");
  await raw.evaluate((field, mended) => { field.value = mended; }, text.replace(/"status":"[^"]*(\\.[^"]*)*"/, '"status":"active"'));
  await looks(page);
  const kept = await raw.evaluate((field) => field.value);
  const made = await page.$$eval("main img, main script, main iframe, main svg[onload]", (found) => found.length);
  const injected = await page.evaluate(() => window.injected ?? null);
  await page.type("#reason", "a slip of the pen");
  await press(page, "Release");
  await says(page, "#told", "released");
  say({ released: await textOf(page, "#told span"), shown, text, kept, made, injected });
  await page.close();
}

async function acts() {
  const page = await opened("#/acts");
  const lines = await page.$$eval("tbody tr", (rows) => rows.map((found) => found.innerText.replaceAll(/\s+/g, " ")));
  say({ acts: lines });
  await page.close();
}

async function run() {
  const page = await opened("#/partners/slow/runs/1");
  await says(page, ".progress", "fetches the file");
  say({ fetching: await textOf(page, ".progress") });
  await please("send the rest of the file");
  await says(page, "main", "How it went");
  await says(page, "main", "applied");
  say({ ended: await textOf(page, "main") });
  await page.close();
}

/** What axe-core finds, by way of the debugger, which the page's policy does not bind. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations: found, passes } = await page.evaluate(() => window.axe.run(document));
  if (!passes.some(({ id }) => id === "color-contrast")) faults.push(`${page.url()}: no contrast was measured`);
  return found.map(({ id, nodes }) => `${id} at ${nodes.map((node) => node.target).join(", ")}`);
}

/** Each view at each width, in light and dark: no sideways scroll, and nothing that axe-core finds. */
async function views() {
  const addresses = JSON.parse(await please("say which views there are"));
  let looked = 0;
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 768, 1440]) {
      for (const address of addresses) {
        const page = await opened(address, { width, scheme });
        await page.waitForNetworkIdle({ idleTime: 300 });
        const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        if (wide > room) faults.push(`${address} at ${width} scrolls sideways: ${wide} > ${room}`);
        faults.push(...(await violations(page)).map((found) => `${address} ${scheme} ${width}: ${found}`));
        looked += 1;
        const shot = `${shots}/${address.replace(/\W+/g, "-")}-${scheme}-${width}`;
        if (shots) await page.screenshot({ path: `${shot}.png`, fullPage: true });
        if (address.includes("/plans/")) {
          await page.$eval("main button.danger", (button) => button.click());
          await page.waitForSelector("dialog[open]");
          faults.push(...(await violations(page)).map((found) => `dialog ${scheme} ${width}: ${found}`));
          if (shots) await page.screenshot({ path: `${shot}-dialog.png` });
        }
        await page.close();
      }
    }
  }
  say({ looked });
}

async function gone() {
  const page = await opened("#/");
  await until(page, () => document.querySelectorAll("tbody tr").length > 3);
  const before = await page.$$eval("tbody tr th", (heads) => heads.map((head) => head.innerText));
  await please("stop the daemon");
  await says(page, "#gone", "does not answer");
  faults.splice(0); // what is refused now is refused by nobody
  const after = await page.$$eval("tbody tr th", (heads) => heads.map((head) => head.innerText));
  const found = await violations(page);
  if (shots) await page.screenshot({ path: `${shots}/gone.png`, fullPage: true });
  say({ gone: await textOf(page, "#gone"), title: await page.title(), state: await textOf(page, "#state"), before, after, violations: found });
  await page.close();
}

async function faulty() {
  const page = await opened("#/", { width: 360 });
  await says(page, "main", "The configuration is at fault");
  say({ faulty: await textOf(page, "main"), violations: await violations(page) });
  await please("mend the configuration");
  await until(page, () => !document.querySelector("main").innerText.includes("at fault"));
  say({ mended: await textOf(page, "main"), injected: await page.evaluate(() => window.injected ?? null) });
  await please("ask for what cannot be taken over");
  await says(page, "main", "The configuration was not taken over");
  say({ refused: await textOf(page, "main"), refused_violations: await violations(page) });
  // what fails behind sound files no test can ask for: the daemon's own answer, with that in it
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    if (!request.url().includes("/admin/overview")) return request.continue();
    const overview = await (await fetch(request.url())).json();
    Object.assign(overview.reload, { outcome: "in_part", error: "partner bolt cannot be started" });
    return request.respond({ contentType: "application/json", body: JSON.stringify(overview) });
  });
  await says(page, "main", "taken over in part");
  say({ in_part: await textOf(page, "main") });
  await page.close();
}

async function token() {
  const page = await browser.newPage();
  await page.goto(`${base}/`);
  const field = await page.waitForSelector("#token");
  const found = await violations(page);
  await field.type("wrong");
  await press(page, "Show the status");
  await page.waitForResponse((reply) => reply.status() === 401);
  await field.evaluate((found) => { found.value = ""; });
  await field.type("root-token");
  await press(page, "Show the status");
  await page.waitForSelector(".view h1");
  say({ state: await textOf(page, "#state"), violations: found });
}

try {
  for (const step of mode === "token" ? [token] : mode === "faulty" ? [faulty] : [rates, plans, mending, acts, run, views, gone]) await step();
} catch (error) {
  faults.push(`${error.message} ${error.stack}`);
}
say({ faults });
await browser.close();
process.exit(0);
