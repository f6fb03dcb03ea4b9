// Debian's chromium on the dashboard of a stack. A page remembers everything that went wrong in it: exceptions,
// complaints on the console, what the Content-Security-Policy blocked, requests to other hosts.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
export const SCREENS = { desktop: { width: 1360, height: 900 }, phone: { width: 320, height: 640 } };
/** What a desktop's window is to the page at 200 %: half as wide and high. */
export const ZOOMED = { width: SCREENS.desktop.width / 2, height: SCREENS.desktop.height / 2 };

export class Browser {
  #browser;
  #state = null;

  constructor(stack, browser) {
    this.stack = stack;
    this.#browser = browser;
  }

  static async open(stack) {
    await mkdir(SHOTS, { recursive: true });
    return new Browser(stack, await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      chromiumSandbox: false,
      args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    }));
  }

  close() {
    return this.#browser.close();
  }

  // One login for all pages: they share the session's cookie.
  #session() {
    this.#state ??= this.#signIn();
    return this.#state;
  }

  async #signIn() {
    const context = await this.#browser.newContext();
    const { url, token } = this.stack;
    const answer = await context.request.post(`${url}/api/auth/login`, { data: { token }, headers: { Origin: url } });
    assert.equal(answer.status(), 200, await answer.text());
    const state = await context.storageState();
    await context.close();
    return state;
  }

  /** `expected(text)` tells the complaints that a test provokes on purpose. */
  async page({ at = '#/', screen = 'desktop', theme = 'light', signedIn = true, scripts = true, expected = () => false }, use) {
    const context = await this.#browser.newContext({
      viewport: SCREENS[screen], colorScheme: theme, reducedMotion: 'reduce', locale: 'en-GB', javaScriptEnabled: scripts,
      storageState: signedIn ? await this.#session() : undefined,
    });
    const wrong = [];
    try {
      await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
      });
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      page.on('pageerror', (error) => wrong.push(`exception: ${error.stack}`));
      page.on('console', (message) => {
        const text = `${message.type()}: ${message.text()} ${message.location().url}`;
        if (['error', 'warning'].includes(message.type()) && !expected(text)) wrong.push(text);
      });
      page.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
      page.on('request', (request) => {
        if (!request.url().startsWith(this.stack.url) && !/^(data|blob):/.test(request.url())) wrong.push(`request: ${request.url()}`);
      });
      await page.goto(`${this.stack.url}/${at}`);
      await use(page);
    } catch (error) {
      error.message += `\nthe page complained: ${JSON.stringify(wrong, null, 1)}`;
      throw error;
    } finally {
      // What a test answers itself may still be asked for while the page goes.
      for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    }
    assert.deepEqual(wrong, []);
  }
}

/** CPU time that the page's own thread takes from now on: `await clock()` is ms. Unlike time, other programs add nothing. */
export async function mainThread(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const read = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
  };
  const began = await read();
  return async () => (await read()) - began;
}

/** Presses Tab until `target` has the focus. */
export async function tabTo(page, target, most = 80) {
  await target.waitFor();
  for (let i = 0; i < most; i++) {
    if (await target.evaluate((element) => element.matches(':focus'))) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${most} times Tab do not lead to ${target}`);
}

/** What cannot be pressed where it is, because something lies above it or it is outside of the screen. */
export const covered = (page) => page.evaluate(() => {
  const pressable = [...document.querySelectorAll('main :is(a[href], button, input, select, textarea, summary)')]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.type !== 'file');
  return pressable.filter((element) => {
    element.scrollIntoView({ block: 'center', inline: 'center' });
    const { left, top, width, height } = element.getClientRects()[0];
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return !hit || !(element.contains(hit) || hit.contains(element) || element.labels?.[0]?.contains(hit));
  }).map((element) => element.outerHTML.slice(0, 200));
});

export async function violations(page, rules) {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate((only) => globalThis.axe.run(only ? { runOnly: only } : {}), rules);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
}

export const overflow = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** A picture for people, and nothing wider than the screen. */
export async function look(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${SHOTS}${name}.png`, fullPage: true });
  assert.equal(await overflow(page), 0, `${name} is too wide`);
}

/** The same, and no barrier that axe knows; in the other theme, what depends on one. */
export async function check(page, name) {
  await look(page, name);
  assert.deepEqual(await violations(page), [], name);
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.deepEqual(await violations(page, ['color-contrast']), [], `${name}, dark`);
  await page.emulateMedia({ colorScheme: 'light' });
}
