// What is done on the other pages: comparing, going back, finding a failed call, tokens, accounts.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Browser, check, overflow } from '../lib/browser.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

let s;
let browser;
let fn;
const unique = (name) => `${name}-${randomBytes(4).toString('hex')}`;
const says = (text) => `def handler(event):\n    print("saying it")\n    return " ".join(["${text}", *(event or {})])\n`;

before(async () => {
  s = await stack();
  browser = await Browser.open(s);
  fn = await s.deploy({ name: unique('page'), language: 'python', code: says('one') });
  await s.api(`/functions/${fn.id}`, { method: 'PATCH', body: { code: says('two') } });
});
after(async () => {
  await browser?.close();
  if (fn) await s.remove(fn);
});

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();

describe('functions', () => {
  test('they are sorted as one likes, and the address keeps it', async () => {
    const stem = unique('sort');
    const made = [];
    for (const letter of ['b', 'c', 'a']) made.push(await s.deploy({ name: `${stem}-${letter}`, language: 'python', code: says(letter) }));
    await browser.page({ at: `#/functions?q=${stem}` }, async (page) => {
      const names = async () => (await page.locator('table.functions .name').allInnerTexts()).map((name) => name.at(-1)).join('');
      const become = (order) => until(async () => (await names()) === order, order);
      await become('acb');
      await page.getByLabel('Order').selectOption('Name, Z to A');
      await become('cba');
      await page.reload();
      await become('cba');
      assert.equal(await page.getByLabel('Order').inputValue(), '-name');
    });
    for (const one of made) await s.remove(one);
  });

  test('search, disable with undo, delete after a question', async () => {
    const doomed = await s.deploy({ name: unique('doomed'), language: 'python', code: says('x') });
    await browser.page({}, async (page) => {
      await page.getByLabel('Search functions').fill(doomed.name);
      const row = page.getByRole('row', { name: new RegExp(doomed.name) });
      await row.waitFor();
      await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
      const act = async (name) => {
        await row.getByRole('button', { name: /^More for/ }).click();
        await page.getByRole('menuitem', { name }).click();
      };
      await act('Disable');
      await row.getByText('disabled', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Undo' }).click();
      await row.getByText('disabled', { exact: true }).waitFor({ state: 'detached' });

      await act('Delete');
      await check(page, 'delete');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('No function fits').waitFor();
    });
    assert.equal((await s.api(`/functions/${doomed.id}`)).status, 404);
  });

  test('a list that cannot be had says why, with the way out', async () => {
    await browser.page({ expected: (text) => /500/.test(text) }, async (page) => {
      await heading(page, 'Functions');
      await page.route('**/api/functions?*', (route) => route.fulfill({
        status: 500, contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'Something went wrong here', status: 500, code: 'internal', detail: 'The log has the reason.', errors: [], request_id: 'r-1' }),
      }));
      await page.reload();
      await page.getByRole('alert').getByText('Something went wrong here').waitFor();
      await page.getByText('r-1').waitFor();
      await check(page, 'functions-error');
      await page.unroute('**/api/functions?*');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('table').waitFor();
    });
  });
});

test('compare: both runtimes, a verdict with figures, the answers, in two clicks', async () => {
  await browser.page({ at: `#/functions/${fn.id}` }, async (page) => {
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.getByRole('button', { name: 'Compare' }).click();
    const result = page.getByRole('region', { name: 'Comparison' });
    await result.waitFor({ timeout: 40_000 });
    const text = await result.innerText();
    assert.match(text, /ms on Docker, .*ms on gVisor/s);
    assert.match(text, /All answers were the same/);
    assert.match(text, /include the sandbox/);
    await check(page, 'compare');
  });
});

test('answers that differ are shown as a difference', async () => {
  const where = await s.deploy({ language: 'python', code: 'import os\n\ndef handler():\n    return ["the same", os.uname().version]\n' });
  await browser.page({ at: `#/functions/${where.id}/compare` }, async (page) => {
    await page.getByRole('slider').fill('1');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('Their answers differ').waitFor({ timeout: 40_000 });
    const answers = page.getByRole('textbox', { name: 'Difference of the answers' });
    await answers.getByText('the same').waitFor();
    assert.ok(await answers.locator('.cm-deletedChunk').count() > 0);
    await check(page, 'compare-differs');
  });
  await s.remove(where);
});

test('versions: the difference, an old one run, and back to it in three clicks', async () => {
  await browser.page({ at: `#/functions/${fn.id}` }, async (page) => {
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByRole('textbox', { name: /Code of version/ }).waitFor();
    await page.getByRole('button', { name: 'Roll back to version 1' }).click();
    await page.getByRole('button', { name: 'Roll back', exact: true }).click();
    await page.getByText('Version 3 is what version 1 was').waitFor();
    await page.getByRole('button', { name: /^2 / }).click();
    await page.getByLabel('Input (JSON)').fill('{"any": "input"}');
    await page.getByRole('button', { name: 'Run version 2' }).click();
    await page.getByRole('region', { name: 'Output' }).getByText('two any').waitFor();
    await page.getByRole('link', { name: 'This call’s record' }).click();
    await page.getByRole('region', { name: 'Input' }).getByText('"any": "input"').waitFor();
  });
  assert.equal((await s.api(`/functions/${fn.id}`)).body.code, says('one'));
});

test('the log of a failed call is two clicks away, and it can run again', async () => {
  const failing = await s.deploy({ name: unique('fails'), language: 'python', code: 'def handler(event):\n    print("about to fail")\n    raise KeyError("gone")\n' });
  await s.execute(failing, { input: { a: 1 } });
  await browser.page({}, async (page) => {
    await heading(page, 'Functions');
    await page.getByRole('link', { name: 'Invocations' }).click();
    await page.getByRole('link', { name: `error: this call of ${failing.name}` }).click();
    await page.getByRole('region', { name: 'Log' }).getByText('about to fail').waitFor();
    await page.getByText('KeyError').first().waitFor();
    await page.getByRole('region', { name: 'Input' }).getByText('"a": 1').waitFor();
    await page.getByRole('button', { name: 'The current version' }).click();
    await page.getByRole('link', { name: 'Its record' }).waitFor();
  });
  await s.remove(failing);
});

test('the list of calls follows, can be paused, and its filters are in the address', async () => {
  await browser.page({ at: `#/functions/${fn.id}/invocations?status=ok` }, async (page) => {
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    assert.equal(await page.getByLabel('Status', { exact: true }).inputValue(), 'ok');
    const rows = page.locator('table.calls tbody tr');
    const { invocation_id: id } = await s.execute(fn, { input: {} });
    await page.locator(`a[href="#/invocations/${id}"]`).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const before = await rows.count();
    await page.getByRole('button', { name: 'Follow' }).waitFor();
    await page.getByLabel('Status', { exact: true }).selectOption('error');
    await page.getByText('No call fits').waitFor();
    assert.match(page.url(), /status=error/);
    assert.ok(before > 0);

    await page.getByLabel('Status', { exact: true }).selectOption('');
    await page.locator(`a[href="#/invocations/${id}"]`).waitFor();
    const { version } = (await s.api(`/functions/${fn.id}`)).body;
    await page.getByLabel('Version').fill(String(version + 1));
    await page.getByText('No call fits').waitFor();
    await page.getByLabel('Version').fill(String(version));
    await page.locator(`a[href="#/invocations/${id}"]`).waitFor();
    assert.match(page.url(), new RegExp(`version=${version}$`));
  });
});

test('the system page says in each part’s words what is wrong with it, and counts prepared cells', async () => {
  await browser.page({ at: '#/tokens' }, async (page) => {
    await page.route('**/api/health', async (route) => {
      const answer = await route.fetch();
      const health = await answer.json();
      health.gvisor = { ok: false, problem: 'its last cell did not start' };
      health.keeper.pools[0].prepared = 77;
      await route.fulfill({ json: health });
    });
    await page.evaluate(() => { location.hash = '#/system'; });
    await page.getByText('its last cell did not start').waitFor();
    await page.getByRole('row', { name: /Python on Docker/ }).getByText('77').waitFor();
    await check(page, 'system-problem');
  });
});

test('a token is shown once, works, and can be deleted; it takes a password to make one', async () => {
  await browser.page({ at: '#/tokens' }, (page) => page.getByText('a token cannot make tokens').waitFor());
  const person = { username: unique('maker'), password: 'a long enough phrase' };
  assert.equal((await s.api('/users', { method: 'POST', body: { ...person, role: 'developer' } })).status, 201);
  await browser.page({ at: '#/tokens', signedIn: false }, async (page) => {
    const name = unique('ci');
    await page.getByLabel('Username').fill(person.username);
    await page.getByRole('textbox', { name: 'Password' }).fill(person.password);
    await page.keyboard.press('Enter');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Make a token' }).click();
    const token = await page.locator('.token code').innerText();
    assert.equal((await s.api('/me', { token })).status, 200);
    await check(page, 'token-made');
    await page.getByRole('button', { name: `Delete ${name}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText(`${name} is deleted`).waitFor();
    assert.equal((await s.api('/me', { token })).status, 401);
  });
});

test('an admin makes an account, changes its role and locks it out', async () => {
  await browser.page({ at: '#/users' }, async (page) => {
    const name = unique('user');
    await page.getByRole('button', { name: 'New account' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Username').fill(name);
    await dialog.getByLabel('Password').fill('a long enough phrase');
    await check(page, 'new-account');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByLabel(`Role of ${name}`).selectOption('viewer');
    await page.getByText(`${name} is viewer now`).waitFor();
    await page.getByRole('button', { name: `Disable ${name}` }).click();
    await page.getByRole('row', { name: new RegExp(name) }).getByText('disabled', { exact: true }).waitFor();
  });
});

test('charts share a cursor and a table; dragging over one looks closer, and the address keeps the range', async () => {
  await s.execute(fn, { input: {} });
  await browser.page({ at: `#/functions/${fn.id}/metrics?range=15m` }, async (page) => {
    const chart = page.locator('.u-over').first();
    await chart.waitFor();
    let box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width - 10, box.y + 50); // one cursor over all of them
    const times = page.locator('.u-legend tr', { hasText: 'time' }).locator('.u-value');
    await times.nth(3).getByText(/\d\d:\d\d/).waitFor();
    assert.equal(new Set(await times.allInnerTexts()).size, 1);
    await page.getByRole('button', { name: 'As table' }).click();
    const [first, ...rest] = await page.getByRole('region', { name: 'The charts as a table' }).getByRole('row').allInnerTexts();
    assert.match(first, /Latency: p95 \(ms\)/);
    assert.ok(rest.some((row) => /\t0\t0\t–\t–/.test(row)), 'a minute without calls is a gap, not a zero');
    await chart.hover(); // the table's button was further down
    box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    await page.getByRole('radio', { name: 'Custom' }).waitFor();
    assert.equal(await page.getByRole('radio', { name: 'Custom' }).isChecked(), true);
  });
});

test('the documentation reads without JavaScript', async () => {
  await browser.page({ at: 'docs/', scripts: false, signedIn: false }, async (page) => {
    const operation = page.locator('#createFunction');
    await operation.getByRole('heading', { name: /POST/ }).waitFor();
    await operation.getByRole('row', { name: /timeout_ms/ }).first().waitFor();
    for (const [language, text] of [['curl', 'curl -X POST'], ['Python', 'urllib.request'], ['JavaScript', 'await fetch']]) {
      await operation.getByText(language, { exact: true }).click();
      await operation.getByRole('region', { name: `in ${language}` }).getByText(text).waitFor();
    }
    assert.equal(await page.getByText('Try it with').count(), 0);
    assert.equal(await overflow(page), 0);
  });
});

test('the documentation has every operation, and tries one with the session', async () => {
  const { paths } = await (await fetch(`${s.url}/api/openapi.json`)).json();
  const html = await (await fetch(`${s.url}/docs/`)).text();
  for (const { operationId: id } of Object.values(paths).flatMap((item) => Object.values(item)).filter((it) => it.operationId)) {
    assert.ok(html.includes(`id="${id}"`), id); // in the page itself, so without JavaScript, too
  }
  await browser.page({ at: 'docs/' }, async (page) => {
    const operation = page.locator('#getMe');
    await operation.getByText('Try it with').click();
    await operation.getByRole('button', { name: 'Send' }).click();
    await operation.getByRole('region', { name: 'Answer of getMe' }).getByText('"username": "admin"').waitFor();
    await check(page, 'docs');
  });
});
