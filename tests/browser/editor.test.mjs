// Writing, saving and running functions in the editor.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Browser, check } from '../lib/browser.mjs';
import { stack } from '../lib/stack.mjs';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

let s;
let browser;
const made = [];
const unique = (name) => `${name}-${randomBytes(4).toString('hex')}`;
const python = async (code, fields) => {
  const fn = await s.deploy({ name: unique('ed'), language: 'python', code, ...fields });
  made.push(fn);
  return fn;
};

before(async () => {
  s = await stack();
  browser = await Browser.open(s);
});
after(async () => {
  await browser?.close();
  for (const fn of made) await s.remove(fn);
});

const resultOf = (page) => page.getByRole('region', { name: 'Result' });
const code = (page) => page.getByRole('textbox', { name: 'Code' });
const open = (fn, query = '') => `#/functions/${fn.id}${query}`;
const runButton = (page) => page.getByRole('complementary', { name: 'Run' }).getByRole('button', { name: /^(Run|Deploy & run)$/ });

describe('editor', { concurrency: 2 }, () => {
  test('a function is written, deployed and run by keyboard alone; a draft outlives a reload', async () => {
    await browser.page({ at: '#/new' }, async (page) => {
      const name = unique('typed');
      await code(page).waitFor();
      await page.getByLabel('Name', { exact: true }).fill(name);
      assert.equal(await page.getByLabel('Route').inputValue(), name);
      await page.getByText(`/fn/${name}`).waitFor();
      await code(page).focus();
      await page.keyboard.press('Control+a');
      await page.keyboard.type('def handler(event):\nreturn {"twice": event["n"] * 2}');
      await page.waitForFunction((wanted) => JSON.parse(localStorage.getItem('cloche.draft.new') ?? '{}').fields?.code?.includes(wanted), 'twice');

      await page.reload();
      await page.getByText('Changes that were not saved are back').waitFor();
      assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), name);
      await page.getByLabel('Input (JSON)').fill('{"n": 21}');
      await page.keyboard.press('Control+Enter');
      await resultOf(page).getByText('"twice": 42').waitFor();
      assert.equal(await page.evaluate(() => localStorage.getItem('cloche.draft.new')), null);
      const [, id] = page.url().match(/functions\/([^/?]+)/);
      made.push({ id });
      await check(page, 'editor-result');
    });
  });

  test('the form of an example keeps types, nested ones too', async () => {
    const fn = await python('def handler(event):\n    return event\n', {
      input_example: { name: 'Bob', n: 1.5, on: true, deep: { list: [1, 2], text: 'x' } },
    });
    await browser.page({ at: open(fn) }, async (page) => {
      const pane = page.getByRole('complementary', { name: 'Run' });
      await pane.getByLabel('n number').fill('-2e2');
      await pane.getByRole('checkbox', { name: 'on' }).uncheck();
      await pane.getByRole('button', { name: 'Add' }).click();
      await pane.getByLabel('3 number').fill('7');
      await pane.getByLabel('name string').fill('12');
      await runButton(page).click();
      const output = await resultOf(page).getByRole('region', { name: 'Output' }).innerText();
      assert.deepEqual(JSON.parse(output), { name: '12', n: -200, on: false, deep: { list: [1, 2, 7], text: 'x' } });

      await pane.getByRole('button', { name: 'Keep this input' }).click();
      await pane.getByLabel('Name of this input').fill('mine');
      await page.keyboard.press('Enter');
      await page.reload();
      // All of it changes at once: nothing of the form is painted beside the number of before.
      const at = await pane.getByLabel('n number').elementHandle();
      const shown = await pane.getByRole('button', { name: 'mine', exact: true }).evaluate(async (button, number) => {
        button.click();
        for (let i = 0; i < 20; i++) await null;
        return number.value;
      }, at);
      assert.equal(shown, '-200');
      await check(page, 'editor-form');
    });
  });

  test('lines show before the result of a function that prints every 200 ms', async () => {
    const fn = await python('import time\n\ndef handler():\n    for i in range(6):\n        print("line", i, flush=True)\n        time.sleep(0.2)\n    return "end"\n');
    await browser.page({ at: open(fn) }, async (page) => {
      await runButton(page).click();
      await page.getByRole('log', { name: 'Log' }).getByText('line 1').waitFor();
      assert.equal(await resultOf(page).getByRole('region', { name: 'Output' }).count(), 0);
      await resultOf(page).getByText('end', { exact: true }).waitFor();
      assert.match(await resultOf(page).innerText(), /line 5/);
    });
  });

  test('an error shows its stack and marks its line', async () => {
    const fn = await python('def pick(values):\n    return values[3]\n\ndef handler():\n    return pick([1, 2])\n');
    await browser.page({ at: open(fn, '?run=1') }, async (page) => {
      await resultOf(page).getByText('IndexError', { exact: true }).waitFor();
      assert.equal(await page.locator('.code-host .cm-error-line').innerText(), '    return values[3]');
      await check(page, 'editor-error');
    });
  });

  test('what is new is said with the version', async () => {
    const fn = await python('def handler():\n    return 1\n');
    await browser.page({ at: open(fn) }, async (page) => {
      await code(page).press('Control+End');
      await page.keyboard.type('# more');
      await page.getByLabel('What is new').fill('one line more');
      await page.keyboard.press('Enter');
      await page.getByText('Saved as version 2').waitFor();
      await page.getByRole('link', { name: 'Versions' }).click();
      await page.getByRole('button', { name: /^2 one line more/ }).waitFor();
    });
  });

  test('who leaves is told that changes are kept, and asked only where they cannot be', async () => {
    const fn = await python('def handler():\n    return 1\n');
    await browser.page({ at: open(fn), expected: () => true }, async (page) => {
      const asked = [];
      page.removeAllListeners('dialog');
      page.on('dialog', (dialog) => { asked.push(dialog.type()); dialog.accept(); });
      await code(page).press('Control+End');
      await page.keyboard.type('# kept');
      await page.getByRole('link', { name: 'Invocations' }).first().click();
      await page.getByText('your changes are kept in this browser').waitFor();
      await page.getByRole('button', { name: 'Go back' }).click();
      await code(page).getByText('# kept').waitFor();
      await page.reload();
      await code(page).getByText('# kept').waitFor();
      assert.deepEqual(asked, []);

      await page.evaluate(() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; });
      await code(page).press('Control+End');
      await page.keyboard.type(' not');
      await page.getByRole('link', { name: 'Versions' }).click();
      await page.getByText('your changes are kept until this page is closed').waitFor();
      await page.getByRole('button', { name: 'Go back' }).click();
      await code(page).getByText('# kept not').waitFor();
      await page.reload();
      assert.deepEqual(asked, ['beforeunload']);
    });
  });

  test('what breaks a rule is told at its field, before and after the server is asked', async () => {
    const fn = await python('def handler():\n    return 1\n');
    await browser.page({ at: open(fn), expected: (text) => /409|412/.test(text) }, async (page) => {
      await page.getByLabel('Route').fill('two//slashes');
      await page.getByText('No two slashes in a row').waitFor();
      await page.getByLabel('Route').fill('hello');
      await page.keyboard.press('Control+s');
      await page.getByRole('alert').getByText('The route is taken').waitFor();
      await check(page, 'editor-refused');

      await page.getByLabel('Route').fill(fn.route);
      await code(page).click();
      await page.keyboard.press('Control+End');
      await page.keyboard.type('# mine');
      await s.api(`/functions/${fn.id}`, { method: 'PATCH', body: { description: 'theirs' } });
      await page.keyboard.press('Control+s');
      await page.getByRole('button', { name: 'Save mine over it' }).click();
      await page.getByText('Saved', { exact: true }).waitFor();
      assert.match((await s.api(`/functions/${fn.id}`)).body.code, /# mine$/);
    });
  });

  test('a file that is opened or dropped becomes the code, with its language', async () => {
    await browser.page({ at: '#/new' }, async (page) => {
      await code(page).waitFor();
      await page.getByLabel('Open a file').setInputFiles({ name: 'thing.mjs', mimeType: 'text/javascript', buffer: Buffer.from('export default () => 1;\n') });
      await code(page).getByText('export default').waitFor();
      assert.equal(await page.getByLabel('Language').inputValue(), 'javascript');

      await code(page).evaluate((place) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(['def handler():\n    return "dropped"\n'], 'other.py'));
        const { left, top } = place.getBoundingClientRect();
        for (const kind of ['dragover', 'drop']) {
          place.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, composed: true, cancelable: true, clientX: left + 20, clientY: top + 20 }));
        }
      });
      await code(page).getByText('"dropped"').waitFor();
      assert.equal(await page.getByLabel('Language').inputValue(), 'python');
      assert.equal((await code(page).innerText()).trimEnd(), 'def handler():\n    return "dropped"');
    });
  });

  test('what a function or its owner says stays text', async () => {
    const says = await python('def handler(event):\n    print(event["text"])\n    return {"said": event["text"]}\n', { description: HOSTILE, input_example: { text: HOSTILE } });
    const raises = await python('def handler(event):\n    raise ValueError(event["text"])\n', { input_example: { text: HOSTILE } });
    await browser.page({}, async (page) => {
      for (const fn of [says, raises]) {
        await page.goto(`${s.url}/${open(fn, '?run=1')}`);
        await resultOf(page).getByText('<img src=x onerror=').first().waitFor();
        assert.equal(await page.locator('main img, main script').count(), 0);
        assert.match(await page.title(), new RegExp(`^${fn.name}`));
      }
    });
  });

  test('an HTML answer of a function reaches neither session nor API', async () => {
    const html = `<body><script>
      fetch('/api/me').then((r) => r.text(), (e) => 'refused: ' + e).then((t) => { document.title = 'api ' + t });
      try { document.cookie; document.body.dataset.cookie = 'read'; } catch { document.body.dataset.cookie = 'refused'; }
    </script></body>`;
    const fn = await python(`def handler():\n    return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": ${JSON.stringify(html)}}\n`);
    await browser.page({ expected: () => true }, async (page) => {
      await page.goto(fn.url);
      await page.waitForFunction(() => document.readyState === 'complete');
      assert.doesNotMatch(await page.title(), /username/);
      assert.notEqual(await page.evaluate(() => document.body.dataset.cookie), 'read');
    });
  });
});
