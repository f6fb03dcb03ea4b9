// Which page an address shows. All but the list of functions are fetched when they are first opened.

import { Functions } from './pages/functions/list.jsx';

const page = (load, name) => () => load().then((part) => part[name]);
const functions = () => Promise.resolve(Functions);
// CodeMirror is on its way while the page and its function are, and not only after them.
const editor = page(() => {
  import('./pages/editor/codemirror.js').catch(() => {}); // told where it is used
  return import('./pages/editor/page.jsx');
}, 'EditorPage');
const compare = page(() => import('./pages/compare/page.jsx'), 'ComparePage');
const versions = page(() => import('./pages/versions/page.jsx'), 'VersionsPage');
const invocations = page(() => import('./pages/invocations/page.jsx'), 'InvocationsPage');
const invocation = page(() => import('./pages/invocations/one.jsx'), 'InvocationPage');
const metrics = page(() => import('./pages/metrics/page.jsx'), 'MetricsPage');
const account = page(() => import('./pages/account/page.jsx'), 'AccountPage');
const tokens = page(() => import('./pages/account/tokens.jsx'), 'TokensPage');
const users = page(() => import('./pages/admin/users.jsx'), 'UsersPage');
const audit = page(() => import('./pages/admin/audit.jsx'), 'AuditPage');
const system = page(() => import('./pages/admin/system.jsx'), 'SystemPage');
const missing = page(() => import('./pages/missing.jsx'), 'MissingPage');

const ROUTES = [
  ['', functions, 'Functions'],
  ['functions', functions, 'Functions'],
  ['new', editor, 'New function'],
  ['functions/:id', editor, 'Function'],
  ['functions/:id/compare', compare, 'Compare'],
  ['functions/:id/versions', versions, 'Versions'],
  ['functions/:id/invocations', invocations, 'Invocations'],
  ['functions/:id/metrics', metrics, 'Metrics'],
  ['invocations', invocations, 'Invocations'],
  ['invocations/:invocation', invocation, 'Invocation'],
  ['metrics', metrics, 'Metrics'],
  ['tokens', tokens, 'Tokens'],
  ['account', account, 'Account'],
  ['users', users, 'Users'],
  ['audit', audit, 'Audit'],
  ['system', system, 'System'],
].map(([path, view, title]) => ({ parts: path.split('/').filter(Boolean), view, title }));

function match(parts, segments) {
  if (parts.length !== segments.length) return null;
  const params = {};
  const fits = parts.every((part, i) => {
    if (!part.startsWith(':')) return part === segments[i];
    params[part.slice(1)] = segments[i];
    return true;
  });
  return fits ? params : null;
}

export function pageOf(segments) {
  for (const { parts, view, title } of ROUTES) {
    const params = match(parts, segments);
    if (params) return { view, params, title };
  }
  return { view: missing, params: {}, title: 'Not found' };
}
