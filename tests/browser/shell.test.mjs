// Sign-in, the frame around all pages, and the journey of a new user.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Browser, check, SCREENS, tabTo } from '../lib/browser.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

let s;
let browser;
const refused = (text) => /401|422/.test(text);
const unique = (name) => `${name}-${randomBytes(4).toString('hex')}`;

before(async () => {
  s = await stack();
  browser = await Browser.open(s);
});
after(() => browser?.close());

const heading = (page, name) => page.getByRole('heading', { level: 1, name });
const choose = (page, text) => page.getByRole('radio', { name: text, exact: true }).check();

describe('sign-in', () => {
  test('says where the first token lies, refuses a wrong one with its reason, takes the right one, forgets it', async () => {
    await browser.page({ signedIn: false, expected: refused }, async (page) => {
      await page.getByText('admin.token').waitFor();
      await choose(page, 'Token');
      await page.getByLabel('Token', { exact: true }).last().fill(`cl_${'A'.repeat(43)}`);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').waitFor();
      await check(page, 'sign-in-refused');

      await page.getByLabel('Token', { exact: true }).last().fill(s.token);
      await page.keyboard.press('Enter');
      await heading(page, 'Functions').waitFor();
      await page.reload();
      await heading(page, 'Functions').waitFor();
      await page.getByRole('link', { name: 'Set a password' }).click();
      await page.getByRole('textbox', { name: 'New password' }).waitFor();

      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await page.reload();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
    });
  });

  test('a session that has ended leads back to the form', async () => {
    await browser.page({ expected: refused }, async (page) => {
      await heading(page, 'Functions').waitFor();
      await page.context().clearCookies();
      await page.evaluate(() => { location.hash = '#/invocations'; });
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
    });
  });
});

describe('a new user', () => {
  test('from an account to a function that has run: at most four clicks, below 15 s', async () => {
    await browser.page({ signedIn: false }, async (page) => {
      await choose(page, 'Register');
      await page.getByLabel('Username').fill(unique('new'));
      await page.getByLabel('Password', { exact: true }).last().fill('a long enough phrase');
      const began = performance.now();
      await page.getByRole('button', { name: 'Create the account' }).click();
      await page.getByRole('heading', { name: 'Your bench is clear' }).waitFor();
      await check(page, 'functions-empty');
      await page.getByRole('button', { name: 'Run this one: hello', exact: true }).click(); // the only click
      await page.getByRole('region', { name: 'Result' }).getByText('Hello, Bob!').waitFor();
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds < 15, `${seconds} s`);
      assert.match(await page.getByLabel('Route').inputValue(), /^new-\w+\/hello$/); // routes are everybody's
    });
  });
});

describe('by keyboard alone', () => {
  test('register, deploy, run, change, leave the code, compare, go back, read a record, delete, sign out', async () => {
    await browser.page({ signedIn: false }, async (page) => {
      const { keyboard } = page;
      const button = (name) => page.getByRole('button', { name, exact: true });
      const press = async (target, key = 'Enter') => {
        await tabTo(page, target);
        await keyboard.press(key);
      };
      const goTo = async (text) => {
        await keyboard.press('Control+k');
        await page.getByRole('combobox', { name: 'Page, function or action' }).waitFor();
        await keyboard.type(text);
        await page.getByRole('option', { name: text }).first().waitFor();
        await keyboard.press('Enter');
      };
      await press(page.getByRole('radio', { name: 'Password' }), 'ArrowLeft'); // round to the last
      await tabTo(page, page.getByLabel('Username'));
      await keyboard.type(unique('keys'));
      await keyboard.press('Tab');
      await keyboard.type('a long enough phrase');
      await keyboard.press('Enter');

      await press(button('Run this one: hello'));
      const result = page.getByRole('region', { name: 'Result' });
      await result.getByText('Hello, Bob!').waitFor();

      const code = page.getByRole('textbox', { name: 'Code' });
      await tabTo(page, code);
      await keyboard.press('Control+End');
      await keyboard.type('# changed');
      await keyboard.press('Escape');
      await keyboard.press('Tab');
      assert.equal(await code.evaluate((element) => element.matches(':focus')), false);
      await keyboard.press('Control+Enter');
      await page.getByText('version 2', { exact: true }).waitFor();
      await result.getByText('Hello, Bob!').waitFor();

      await goTo('hello: compare');
      await press(page.getByRole('slider'), 'Home');
      await press(button('Compare'));
      await page.getByRole('region', { name: 'Comparison' }).waitFor({ timeout: 40_000 });

      await goTo('hello: versions');
      await press(button('Roll back to version 1'));
      await button('Roll back').waitFor();
      await keyboard.press('Enter');
      await page.getByText('Version 3 is what version 1 was').waitFor();

      await goTo('hello: invocations');
      await press(page.getByRole('link', { name: /this call of hello/ }).first());
      await page.getByRole('heading', { name: 'Once more' }).waitFor();

      await goTo('Functions');
      await tabTo(page, button('More for hello'));
      // Faster than anything is painted; the second goes round to the last.
      await Promise.all([keyboard.press('Enter'), keyboard.press('ArrowUp')]);
      await keyboard.press('Enter');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).waitFor();
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Your bench is clear' }).waitFor();
      await press(button('Sign out'));
      await button('Sign in').waitFor();
    });
  });
});

describe('the frame', () => {
  test('the palette finds a function by a few letters, by keyboard alone', async () => {
    const fn = await s.deploy({ name: unique('palette'), language: 'python', code: 'def handler():\n    return 1\n' });
    await browser.page({}, async (page) => {
      await heading(page, 'Functions').waitFor();
      await page.keyboard.press('Control+k');
      const dialog = page.getByRole('dialog', { name: 'Go to' });
      await dialog.getByRole('combobox').fill(fn.name);
      await dialog.getByRole('option', { name: fn.name, exact: false }).first().waitFor();
      await check(page, 'palette');
      await page.keyboard.press('Enter');
      await heading(page, fn.name).waitFor();
      await page.locator('h1').click();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor();
      await check(page, 'keys');
      await page.keyboard.press('Escape');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' });
    });
    await s.remove(fn);
  });

  test('the theme is kept', async () => {
    await browser.page({}, async (page) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await ground();
      await page.getByRole('button', { name: 'Theme: system' }).click();
      await page.getByRole('button', { name: 'Theme: light' }).click();
      await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
      assert.notEqual(await ground(), light);
      await page.reload();
      await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
      assert.notEqual(await ground(), light);
    });
  });

  test('an API that is killed is told within 5 s, and the page goes on by itself', async () => {
    const control = (...command) => assert.equal(spawnSync('s6-svc', [...command, join(s.run, 'service/api')]).status, 0);
    await browser.page({ at: '#/invocations', expected: (text) => /50[23]|ERR_/.test(text) }, async (page) => {
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      const workers = s.workers('api');
      try {
        control('-wd', '-T', '10000', '-O', '-k'); // its supervisor first: it would have new ones before anybody could see it
        for (const pid of workers) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch (error) {
            assert.equal(error.code, 'ESRCH'); // it has ended already
          }
        }
        await page.getByText('Cloche does not answer').waitFor({ timeout: 5000 });
        await page.getByText('newer data could not be had').waitFor();
        await check(page, 'away');
      } finally {
        control('-wU', '-u');
      }
      await page.getByText('Cloche does not answer').waitFor({ state: 'detached', timeout: 5000 });
      await page.getByText('newer data could not be had').waitFor({ state: 'detached' });

      const report = { status: 'unavailable', problems: ['database: it does not answer'] };
      await page.route('**/api/health', (route) => route.fulfill({ status: 503, json: report }));
      await page.getByText('Cloche cannot work just now: database: it does not answer.').waitFor({ timeout: 5000 });
    });
  });

  test('what is slow shows grey shapes after a moment, and an end that says why', async () => {
    await browser.page({ at: '#/system', expected: (text) => /ERR_|504/.test(text) }, async (page) => {
      await heading(page, 'System').waitFor();
      await page.route('**/api/invocations?*', () => {}); // never answered
      await page.evaluate(() => {
        const { timeout } = AbortSignal;
        AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms === 20_000 ? 1000 : ms);
        location.hash = '#/invocations';
      });
      await heading(page, 'Invocations').waitFor();
      const shapes = page.locator('.skeleton');
      const seen = await shapes.evaluate((element) => {
        const [appearing] = element.getAnimations();
        appearing.pause();
        const at = (time) => { appearing.currentTime = time; return getComputedStyle(element).opacity; };
        return { early: at(149), late: at(500), height: element.offsetHeight };
      });
      assert.deepEqual([seen.early, seen.late], ['0', '1']);
      assert.ok(seen.height > 300);
      await page.getByText('Cloche took too long to answer').waitFor();
      await check(page, 'invocations-slow');
      await page.unroute('**/api/invocations?*');
      await page.getByRole('table').or(page.getByText('No calls yet')).first().waitFor(); // by itself, as nobody pressed “Try again”
    });
  });

  test('every page shows that it waits, then what failed, with its request id', async () => {
    const fn = await s.deploy({ language: 'python', code: 'def handler():\n    return 1\n' });
    const ofOne = ['', '/compare', '/versions', '/invocations', '/metrics'].map((part) => `functions/${fn.id}${part}`);
    const places = ['functions', ...ofOne, 'invocations', `invocations/${fn.id}`, 'metrics', 'tokens', 'account', 'users', 'audit'];
    const problem = { title: 'Something went wrong here', status: 500, code: 'internal', detail: 'The log has the reason.', errors: [], request_id: 'request-1' };
    await browser.page({ at: '#/system', expected: (text) => /500/.test(text) }, async (page) => {
      await heading(page, 'System').waitFor();
      let held = [];
      await page.route(/\/api\/(?!health|examples)/, (route) => held.push(route));
      for (const place of places) {
        await page.evaluate((hash) => { location.hash = hash; }, `#/${place}`);
        await page.locator('main .skeleton').first().waitFor();
        await until(() => held.length > 0, place);
        for (const route of held.splice(0)) await route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify(problem) });
        await page.getByRole('alert').getByText('request-1').first().waitFor();
        await page.getByRole('button', { name: 'Try again' }).first().waitFor();
        held = [];
      }
      await page.unrouteAll({ behavior: 'ignoreErrors' });
    });
    await s.remove(fn);
  });

  test('a page that nobody looks at asks for nothing', async () => {
    await browser.page({ at: '#/system' }, async (page) => {
      await page.clock.install();
      const look = (hidden) => page.evaluate((now) => {
        Object.defineProperty(document, 'hidden', { value: now, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
      let asked = 0;
      page.on('request', (request) => { if (request.url().includes('/api/')) asked++; });
      await page.evaluate(() => { location.hash = '#/invocations'; });
      await page.getByText('Updated now').waitFor();
      await look(true);
      await page.waitForLoadState('networkidle');
      asked = 0;
      await page.clock.fastForward(60_000);
      await page.waitForLoadState('networkidle');
      assert.equal(asked, 0);
      const again = page.waitForResponse(/api\/invocations/);
      await look(false);
      await again;
    });
  });

  test('an address that is none says so', async () => {
    await browser.page({ at: '#/no/such/page' }, async (page) => {
      await heading(page, 'Nothing here').waitFor();
      await check(page, 'missing');
    });
  });

  test('on a phone the menu opens and closes', async () => {
    await browser.page({ screen: 'phone' }, async (page) => {
      assert.equal(page.viewportSize().width, SCREENS.phone.width);
      await page.getByRole('button', { name: 'Menu' }).click();
      await check(page, 'menu-phone');
      await page.getByRole('link', { name: 'System' }).click();
      await heading(page, 'System').waitFor();
      assert.equal(await page.getByRole('link', { name: 'System' }).isVisible(), false);
    });
  });
});
