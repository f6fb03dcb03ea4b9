// Every page in both themes on a desktop and a phone, and at 200 %: nothing too wide, nothing covered, no barrier that
// axe knows, and a picture.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, covered, look, overflow, SCREENS, violations, ZOOMED } from '../lib/browser.mjs';
import { stack } from '../lib/stack.mjs';

const LONG = `an answer that is ${'very '.repeat(200)}long ${'x'.repeat(500)}`;

let s;
let browser;
let fn;
let failed;

before(async () => {
  s = await stack();
  browser = await Browser.open(s);
  fn = await s.deploy({ language: 'python', code: 'def handler(event):\n    print("asked for", event["name"])\n    return f"Hello, {event[\'name\']}!"\n', description: 'Greets.', input_example: { name: 'Bob' } });
  await s.api(`/functions/${fn.id}`, { method: 'PATCH', body: { code: `# newer\n${fn.code}`, memory_mb: 96, note: 'a little newer' } });
  for (const runtime of ['docker', 'gvisor']) await s.execute(fn, { runtime, input: { name: runtime } });
  failed = await s.execute(fn, { input: { wrong: LONG } });
  await s.execute(fn, { input: { name: LONG } });
});
after(async () => {
  await browser?.close();
  if (fn) await s.remove(fn);
});

const loaded = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();
const PAGES = {
  functions: [() => '#/functions', async (page) => {
    await loaded(page, 'Functions');
    await page.getByRole('link', { name: /^Last call of/ }).first().or(page.getByText('no calls').first()).first().waitFor({ state: 'attached' });
  }],
  new: [() => '#/new', (page) => page.getByRole('textbox', { name: 'Code' }).waitFor()],
  editor: [() => `#/functions/${fn.id}`, async (page) => {
    await page.getByRole('textbox', { name: 'Code' }).waitFor();
    await page.getByText('Settings').click();
    await page.keyboard.press('Control+Enter');
    await page.getByRole('region', { name: 'Result' }).getByText('Hello, Bob!').waitFor();
  }],
  invocations: [() => `#/functions/${fn.id}/invocations`, (page) => page.getByRole('link', { name: /this call of/ }).first().waitFor()],
  'invocations-none': [() => '#/invocations?q=nothing-has-this-name', (page) => page.getByText('No call fits').waitFor()],
  invocation: [() => `#/invocations/${failed.invocation_id}`, (page) => page.getByText('KeyError').first().waitFor()],
  versions: [() => `#/functions/${fn.id}/versions`, (page) => page.getByRole('textbox', { name: /Code of version/ }).waitFor()],
  metrics: [() => `#/functions/${fn.id}/metrics?range=15m`, async (page) => {
    await page.locator('.plot canvas').last().waitFor();
    await page.getByRole('button', { name: 'As table' }).click();
  }],
  'metrics-system': [() => '#/metrics', (page) => page.locator('.plot canvas').last().waitFor()],
  tokens: [() => '#/tokens', (page) => page.getByText('admin.token').waitFor()],
  account: [() => '#/account', (page) => page.getByText('this one').waitFor()],
  users: [() => '#/users', (page) => page.getByText('you', { exact: true }).waitFor()],
  audit: [() => '#/audit', (page) => page.getByText('function.create').last().waitFor()],
  system: [() => '#/system', (page) => page.getByText('Python on gVisor').waitFor()],
  'sign-in': [() => '#/', (page) => page.getByRole('button', { name: 'Sign in' }).waitFor(), false],
};

// axe takes its time: what it finds depends on the theme or on the screen, not on both at once.
async function inspect(page, name) {
  await look(page, `${name}-desktop-light`);
  assert.deepEqual(await violations(page), []);
  await page.emulateMedia({ colorScheme: 'dark' });
  await look(page, `${name}-desktop-dark`);
  await page.setViewportSize(SCREENS.phone);
  await look(page, `${name}-phone-dark`);
  assert.deepEqual(await violations(page), []);
  await page.emulateMedia({ colorScheme: 'light' });
  await look(page, `${name}-phone-light`);

  await page.setViewportSize(ZOOMED);
  assert.equal(await overflow(page), 0, `${name} is too wide at 200 %`);
  assert.deepEqual(await covered(page), []);
}

describe('pages', { concurrency: 2 }, () => {
  for (const [name, [at, ready, signedIn = true]] of Object.entries(PAGES)) {
    test(name, () => browser.page({ at: at(), signedIn }, async (page) => {
      await ready(page);
      await inspect(page, name);
    }));
  }
});
