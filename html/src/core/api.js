// The one way to talk to the API: JSON in and out, problem+json thrown as Problem, lines of a stream as they come.

const PATIENCE_MS = 20_000;
const HEALTH_PATIENCE_MS = 2500;
const LONGEST_RUN_MS = 900_000;
const WAITING_MS = 60_000;

/** How long a run may keep one waiting: its own limit, and some more for its turn. Nothing is waited for without an end. */
const patienceFor = (timeoutMs = LONGEST_RUN_MS, runs = 1) => runs * (timeoutMs + WAITING_MS);

export class Problem extends Error {
  constructor({ status = 0, code = '', title, detail = '', errors = [], requestId = '' }) {
    super(title);
    Object.assign(this, { status, code, title, detail, errors, requestId });
  }
}

const UNREACHABLE = {
  code: 'unreachable',
  title: 'Cloche cannot be reached',
  detail: 'The network is down, or the server is. On the server: make status',
};

const watchers = new Set();
/** `watch(problem | null)` hears how every call ended; returns how to stop. */
export function onAnswer(watch) {
  watchers.add(watch);
  return () => watchers.delete(watch);
}
const tell = (problem) => watchers.forEach((watch) => watch(problem));

function problemOf(response, answer) {
  return new Problem({
    status: response.status,
    code: answer?.code,
    title: answer?.title ?? `Unexpected answer (HTTP ${response.status})`,
    detail: answer?.detail,
    errors: Array.isArray(answer?.errors) ? answer.errors : [],
    requestId: answer?.request_id ?? response.headers.get('X-Request-Id') ?? '',
  });
}

async function send(method, path, { body, signal, accept = 'application/json', revision, patience = PATIENCE_MS }) {
  const headers = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (revision !== undefined) headers['If-Match'] = `"${revision}"`;
  const limit = AbortSignal.timeout(patience);
  return fetch(`/api${path}`, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    cache: 'no-store', credentials: 'same-origin',
  });
}

// Runs `work` so that only Problems and the caller's own abort come out of it.
async function guarded(signal, work) {
  try {
    const answer = await work();
    tell(null);
    return answer;
  } catch (error) {
    if (signal?.aborted) throw error;
    const problem = error instanceof Problem ? error : new Problem(error.name === 'TimeoutError'
      ? { ...UNREACHABLE, title: 'Cloche took too long to answer' } : UNREACHABLE);
    tell(problem);
    throw problem;
  }
}

export const call = (method, path, options = {}) => guarded(options.signal, async () => {
  const response = await send(method, path, options);
  if (response.status === 204) return null;
  const answer = await response.json().catch((error) => {
    if (error.name === 'AbortError' || error.name === 'TimeoutError') throw error;
    return null;
  });
  if ((!response.ok && response.status !== options.also) || answer === null) throw problemOf(response, answer);
  return answer;
});

/** Calls `each` with every line of an NDJSON answer. */
export const stream = (path, body, each, { signal, patience }) => guarded(signal, async () => {
  const response = await send('POST', path, { body, signal, accept: 'application/x-ndjson', patience });
  if (!response.ok) throw problemOf(response, await response.json().catch(() => null));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    lines.filter(Boolean).forEach((line) => each(JSON.parse(line)));
  }
});

export function withQuery(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

const at = (...parts) => `/${parts.map(encodeURIComponent).join('/')}`;
const get = (path, signal) => call('GET', path, { signal });

export const api = {
  /** An answer, too, when parts are away; not so when nothing answers. */
  health: (signal) => call('GET', '/health', { signal, patience: HEALTH_PATIENCE_MS, also: 503 }),
  auth: (signal) => get('/auth', signal),
  me: (signal) => get('/me', signal),
  login: (body) => call('POST', '/auth/login', { body }),
  register: (body) => call('POST', '/auth/register', { body }),
  logout: () => call('POST', '/auth/logout'),
  setPassword: (body) => call('PUT', '/me/password', { body }),
  sessions: (signal) => get('/sessions', signal),
  endSession: (id) => call('DELETE', at('sessions', id)),

  tokens: (signal) => get('/tokens', signal),
  createToken: (body) => call('POST', '/tokens', { body }),
  deleteToken: (id) => call('DELETE', at('tokens', id)),
  users: (query, signal) => get(withQuery('/users', query), signal),
  createUser: (body) => call('POST', '/users', { body }),
  patchUser: (id, body) => call('PATCH', at('users', id), { body }),
  audit: (query, signal) => get(withQuery('/audit', query), signal),
  settings: (signal) => get('/settings', signal),
  examples: (signal) => get('/examples', signal),

  functions: (query, signal) => get(withQuery('/functions', query), signal),
  function: (id, signal) => get(at('functions', id), signal),
  createFunction: (body) => call('POST', '/functions', { body }),
  patchFunction: (id, body, revision) => call('PATCH', at('functions', id), { body, revision }),
  deleteFunction: (id) => call('DELETE', at('functions', id)),
  versions: (id, query, signal) => get(withQuery(at('functions', id, 'versions'), query), signal),
  version: (id, number, signal) => get(at('functions', id, 'versions', number), signal),
  rollback: (id, version) => call('POST', at('functions', id, 'rollback'), { body: { version } }),
  execute: ({ id, timeout_ms: timeout }, body, each, signal) =>
    stream(at('functions', id, 'execute'), body, each, { signal, patience: patienceFor(timeout) }),
  compare: ({ id, timeout_ms: timeout }, body, signal) =>
    call('POST', at('functions', id, 'compare'), { body, signal, patience: patienceFor(timeout, 2 * body.runs) }),

  invocations: (query, signal) => get(withQuery('/invocations', query), signal),
  invocation: (id, signal) => get(at('invocations', id), signal),
  replay: (id, body, signal) => call('POST', at('invocations', id, 'replay'), { body, signal, patience: patienceFor() }),

  summary: (query, signal) => get(withQuery('/metrics/summary', query), signal),
  systemMetrics: (query, signal) => get(withQuery('/metrics/system', query), signal),
  functionMetrics: (id, query, signal) => get(withQuery(at('metrics', 'functions', id), query), signal),
  compareMetrics: (query, signal) => get(withQuery('/metrics/compare', query), signal),
};
