// People who use a stack: accounts, and the browsers they sign in with.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { headerValues } from './http.mjs';

export const username = () => `u-${randomBytes(6).toString('hex')}`;

/** An account of that role, made by the admin: {id, username, password, role}. */
export async function makeUser(s, role = 'developer') {
  const user = { username: username(), password: randomBytes(9).toString('base64url') };
  const { status, body, text } = await s.api('/users', { method: 'POST', body: { ...user, role } });
  if (status !== 201) throw new Error(`POST /users: ${status} ${text}`);
  return { ...user, ...body };
}

export const patchUser = (s, { id }, body) => s.api(`/users/${id}`, { method: 'PATCH', body });

/** A browser: keeps the session's cookie, and sends the Origin of its own page. */
export class Browser {
  cookie = null;

  constructor(s, { origin = s.url } = {}) {
    Object.assign(this, { s, origin });
  }

  async api(path, { method = 'GET', headers = {}, ...options } = {}) {
    const answer = await this.s.api(path, { token: null, method, headers: { ...this.headers(method), ...headers }, ...options });
    for (const value of headerValues(answer, 'set-cookie')) this.#keep(value);
    return answer;
  }

  fn(route, { method = 'GET', headers = {}, ...options } = {}) {
    return this.s.fn(route, { method, headers: { ...this.headers(method), ...headers }, ...options });
  }

  headers(method) {
    return { ...(this.cookie && { Cookie: this.cookie }), ...(method !== 'GET' && { Origin: this.origin }) };
  }

  login(body) {
    return this.api('/auth/login', { method: 'POST', body });
  }

  #keep(value) {
    const [pair] = value.split(';');
    this.cookie = /Max-Age=0\b/.test(value) ? null : pair;
  }
}

/** A browser in which the user, or the holder of the token, has signed in. */
export async function signIn(s, { username: name, password, token }) {
  const browser = new Browser(s);
  const { status, text } = await browser.login(token ? { token } : { username: name, password });
  if (status !== 200) throw new Error(`login of ${name}: ${status} ${text}`);
  return browser;
}

/** A token made in this browser: {id, token, …}. */
export async function makeToken(browser, scopes, fields = {}) {
  const { status, body, text } = await browser.api('/tokens', { method: 'POST', body: { name: 'test', scopes, ...fields } });
  if (status !== 201) throw new Error(`POST /tokens: ${status} ${text}`);
  return body;
}

/** Runs a statement in the stack's own database; `?` stands for an id, in order. */
export function sql(s, statement, ...ids) {
  const text = ids.reduce((left, id) => left.replace('?', `UNHEX('${id.replaceAll('-', '')}')`), statement);
  return execFileSync('mariadb', ['--no-defaults', `--socket=${join(s.run, 'mysql/mysqld.sock')}`, '--user=root',
    '--batch', '--skip-column-names', 'cloche', '-e', text], { encoding: 'utf8' });
}
