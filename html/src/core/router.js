// Addresses: #/functions/<id>/versions?from=2. The page is chosen by the path; filters and ranges are in the query.

import { signal } from '@preact/signals';

export function parse(hash) {
  const [path, search = ''] = hash.replace(/^#/, '').split('?', 2);
  const segments = path.split('/').filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { segments, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function href(segments, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const search = given.length ? `?${new URLSearchParams(given)}` : '';
  return `#/${segments.map(encodeURIComponent).join('/')}${search}`;
}

export const route = signal(parse(location.hash));

addEventListener('hashchange', () => { route.value = parse(location.hash); });

export function go(segments, query) {
  location.hash = href(segments, query);
}

/** Changes the query of the page that is shown; no step back for each letter typed. */
export function setQuery(changes) {
  const { segments, query } = route.value;
  history.replaceState(null, '', href(segments, { ...query, ...changes }));
  route.value = parse(location.hash);
}
