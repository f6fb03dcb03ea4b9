// All functions: what they are, how they are doing, and what can be done with each.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { LANGUAGE_OPTIONS } from '../../core/languages.js';
import { useResource } from '../../core/resource.js';
import { setQuery } from '../../core/router.js';
import { may, user } from '../../core/session.js';
import { recall, remember } from '../../core/storage.js';
import { Button } from '../../ui/button.jsx';
import { Select } from '../../ui/field.jsx';
import { Icon } from '../../ui/icon.jsx';
import { Empty, Fresh, Loaded, Page, ProblemBox, Scroll, Skeleton } from '../../ui/parts.jsx';
import { Typed } from '../../ui/typed.jsx';
import { Examples } from './examples.jsx';
import { useFigures } from './figures.js';
import { Row } from './row.jsx';

// A first page that fills a large screen, and no more: it is part of the first view.
const AT_FIRST = 40;
const AT_ONCE = 100;
const ANY_OR_ONE = [['', 'Any language'], ...LANGUAGE_OPTIONS];
const RUNTIMES = [['', 'Any runtime'], ['docker', 'Docker'], ['gvisor', 'gVisor']];
const STATUSES = [['', 'Any status'], ['active', 'Active'], ['disabled', 'Disabled']];
const ORDERS = [['', 'Newest first'], ['created_at', 'Oldest first'], ['-updated_at', 'Last changed first'], ['name', 'Name, A to Z'], ['-name', 'Name, Z to A']];

function Filters({ query }) {
  const pick = (name) => (value) => setQuery({ [name]: value });
  return (
    <div class="filters" role="search">
      <Typed type="search" aria-label="Search functions" placeholder="Search by name or route" value={query.q} onChange={pick('q')} />
      <Select aria-label="Language" options={ANY_OR_ONE} value={query.language ?? ''} onChange={pick('language')} />
      <Select aria-label="Runtime" options={RUNTIMES} value={query.runtime ?? ''} onChange={pick('runtime')} />
      <Select aria-label="Status" options={STATUSES} value={query.status ?? ''} onChange={pick('status')} />
      <Select aria-label="Order" options={ORDERS} value={query.sort ?? ''} onChange={pick('sort')} />
    </div>
  );
}

// The next page is fetched when the end of the list comes near.
function More({ cursor, query, onPage }) {
  const place = useRef();
  const [problem, setProblem] = useState(null);
  const load = () => {
    setProblem(null);
    return api.functions({ ...query, limit: AT_ONCE, cursor }).then(onPage, setProblem);
  };
  useEffect(() => {
    const watch = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) load(); }, { rootMargin: '600px' });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, [cursor]);
  return (
    <div class="more" ref={place}>
      {problem ? <ProblemBox problem={problem} retry={load} /> : <Button onClick={load} busy="Loading…">Show more</Button>}
    </div>
  );
}

const HEADS = [['Function', ''], ['Runtime', 'wide'], ['Last call', 'mid last'], ['p95', 'number mid'], ['Errors', 'number mid'], ['24 hours', 'wide spark-head'], ['Actions', 'visually-hidden-head']];

function Table({ page, query, onChange }) {
  const { items, next } = page;
  const { figures, resource, watch } = useFigures();
  const latest = useRef();
  latest.current = page;
  const change = useCallback((id, changed) => {
    const now = latest.current;
    onChange({ ...now, items: changed ? now.items.map((item) => (item.id === id ? { ...item, ...changed } : item)) : now.items.filter((item) => item.id !== id) });
  }, []);
  return (
    <>
      <p class="list-head">{figures.size > 0 && <Fresh resource={resource} />}</p>
      <Scroll label="Functions">
        <table class="functions">
          <thead><tr>{HEADS.map(([title, kind]) => <th key={title} scope="col" class={kind}><span>{title}</span></th>)}</tr></thead>
          <tbody>
            {items.map((item) => <Row key={item.id} item={item} figures={figures.get(item.id)} watch={watch} onChange={change} />)}
          </tbody>
        </table>
      </Scroll>
      {next && <More cursor={next} query={query} onPage={(more) => onChange({ items: [...items, ...more.items], next: more.next })} />}
    </>
  );
}

// Who came by token has no other way in yet.
function SetPassword() {
  const [later, setLater] = useState(() => recall('password.later', false));
  if (later || user.value.has_password) return null;
  return (
    <div class="note">
      <span>You signed in by token. With a password you can do without it.</span>
      <span class="actions">
        <a class="button plain small" href="#/account">Set a password</a>
        <Button class="small" kind="quiet" onClick={() => { remember('password.later', true); setLater(true); }}>Not now</Button>
      </span>
    </div>
  );
}

const Nothing = ({ searched }) => (searched
  ? <Empty title="No function fits"><p>Try fewer letters, or <a href="#/functions">show all of them</a>.</p></Empty>
  : (
    <>
      <Empty title="Your bench is clear">
        <p>A function is one file of {LANGUAGE_OPTIONS.map(([, title]) => title).join(' or ')}. Start from one of these, or <a href="#/new">write your own</a>.</p>
      </Empty>
      <Examples />
    </>
  ));

export function Functions({ query }) {
  const { q, language, runtime, status, sort } = query;
  const wanted = { q, language, runtime, status, sort };
  const functions = useResource((signal) => api.functions({ ...wanted, limit: AT_FIRST }, signal), [q, language, runtime, status, sort]);
  const searched = Boolean(q || language || runtime || status);
  return (
    <Page title="Functions" actions={may('functions:write') && <a class="button primary" href="#/new"><Icon name="plus" /><span>New function</span></a>}>
      <SetPassword />
      <Filters query={query} />
      <Loaded resource={functions} skeleton={<Skeleton rows={8} height={58} />}>
        {(page) => (page.items.length === 0
          ? <Nothing searched={searched} />
          : <Table page={page} query={wanted} onChange={functions.update} />)}
      </Loaded>
    </Page>
  );
}
