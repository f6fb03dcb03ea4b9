// "Try it" on the page of the API: sends a request with the browser's session and shows its answer.

import './core/theme.js';

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

function field(label, name, value = '') {
  const input = element(name === 'body' ? 'textarea' : 'input', { name, value, spellcheck: false, autocomplete: 'off' });
  return element('label', { className: 'field' }, element('span', {}, label), input);
}

async function send(form, method, path, hasBody, place) {
  const values = Object.fromEntries(new FormData(form));
  const url = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name])) + (values.query ? `?${values.query.replace(/^\?/, '')}` : '');
  try {
    const answer = await fetch(url, {
      method, credentials: 'same-origin', cache: 'no-store',
      headers: hasBody ? { 'Content-Type': 'application/json' } : {}, body: hasBody ? values.body : undefined,
    });
    const text = await answer.text();
    let shown = text;
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // not every answer is JSON
    }
    place.textContent = `${answer.status} ${answer.statusText}\n\n${shown}`;
  } catch (error) {
    place.textContent = `It could not be sent: ${error.message}`;
  }
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Press Ctrl+C'; // browsers keep the clipboard from pages without TLS
    getSelection().selectAllChildren(button.previousElementSibling);
  }
}

for (const sample of document.querySelectorAll('.operation details pre')) {
  const button = element('button', { type: 'button', className: 'button plain small', textContent: 'Copy' });
  button.setAttribute('aria-label', `Copy ${sample.getAttribute('aria-label')}`);
  button.addEventListener('click', () => copy(button, sample.textContent));
  sample.after(button);
}

for (const section of document.querySelectorAll('.operation')) {
  const { method, path, body } = section.dataset;
  const place = element('pre', { tabIndex: 0, hidden: true });
  place.setAttribute('role', 'region');
  place.setAttribute('aria-label', `Answer of ${section.id}`);
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const form = element('form', { className: 'try' },
    ...names.map((name) => field(name, name)),
    ...(method === 'get' ? [field('query', 'query')] : []),
    ...(body === undefined ? [] : [field('body (JSON)', 'body', '{}')]),
    element('button', { className: 'button primary', textContent: 'Send' }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    place.hidden = false;
    place.textContent = '…';
    send(form, method.toUpperCase(), path, body !== undefined, place);
  });
  section.append(element('details', {}, element('summary', { textContent: 'Try it with this browser’s session' }), form, place));
}
