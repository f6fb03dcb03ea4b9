// Calls, newest first: filtered by what the address says, followed live until paused.

import { useRef, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { word } from '../../core/formats.js';
import { RANGES, rangeOf } from '../../core/ranges.js';
import { useResource } from '../../core/resource.js';
import { setQuery } from '../../core/router.js';
import { withHead, withOlder } from '../../core/tail.js';
import { Button } from '../../ui/button.jsx';
import { Select } from '../../ui/field.jsx';
import { FunctionHead } from '../../ui/function-head.jsx';
import { Empty, Fresh, Loaded, Page, Skeleton } from '../../ui/parts.jsx';
import { Typed } from '../../ui/typed.jsx';
import { Calls } from './table.jsx';

const EVERY_MS = 3000;
const AT_ONCE = 50;
const STATUSES = ['ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled'];
const options = (all, values, name = (value) => value) => [['', all], ...values.map((value) => [value, name(value)])];
const FILTERS = [
  ['status', 'Status', options('Any status', STATUSES, word)],
  ['runtime', 'Runtime', [['', 'Any runtime'], ['docker', 'Docker'], ['gvisor', 'gVisor']]],
  ['start', 'Start', options('Any start', ['cold', 'prewarmed', 'warm'])],
  ['min_ms', 'Slower than', [['', 'Any duration'], ['10', '≥ 10 ms'], ['100', '≥ 100 ms'], ['1000', '≥ 1 s'], ['10000', '≥ 10 s']]],
];
const TIMES = [['', 'Any time'], ...RANGES.map(([key, title]) => [key, `Last ${title}`])];
const NAMES = ['status', 'runtime', 'start', 'range', 'min_ms', 'version', 'q', 'from', 'to'];

function wanted(query, functionId) {
  const range = rangeOf(query);
  const { status, runtime, start, min_ms: least, version, q } = query;
  return {
    function_id: functionId ?? query.function_id, status, runtime, start, min_ms: least, version, q,
    from: range && new Date(range.from).toISOString(), to: query.to && range ? new Date(range.to).toISOString() : undefined,
  };
}

const shortTime = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

// A span that was chosen elsewhere, by dragging over a chart say, is one more choice until another is made.
function Times({ query }) {
  const given = query.from && rangeOf(query);
  const options = given ? [['given', shortTime.formatRange(given.from, given.to)], ...TIMES] : TIMES;
  return (
    <Select aria-label="Time" options={options} value={given ? 'given' : query.range ?? ''}
      onChange={(range) => { if (range !== 'given') setQuery({ range, from: null, to: null }); }} />
  );
}

function Filters({ query, versions }) {
  const pick = (name) => (value) => setQuery({ [name]: value });
  return (
    <div class="filters" role="search">
      <Typed type="search" aria-label="Search calls" placeholder="Search name, path, error or id" value={query.q} onChange={pick('q')} />
      {FILTERS.map(([name, label, values]) => (
        <Select key={name} aria-label={label} options={values} value={query[name] ?? ''} onChange={pick(name)} />
      ))}
      <Times query={query} />
      {versions && <Typed type="number" class="version-filter" aria-label="Version" placeholder="Version" min={1} max={versions} value={query.version} onChange={pick('version')} />}
    </div>
  );
}

export function InvocationsPage({ id, query }) {
  const fn = useResource((signal) => (id ? api.function(id, signal) : Promise.resolve({})), [id]);
  const key = NAMES.map((name) => query[name] ?? '').join('|');
  const content = <Tail key={key} id={id} query={query} />;
  if (!id) return <Page title="Invocations"><Filters query={query} />{content}</Page>;
  return (
    <div class="page">
      <Loaded resource={fn} skeleton={<Skeleton rows={1} height={96} />}>{(it) => <FunctionHead fn={it} />}</Loaded>
      <Filters query={query} versions={fn.data?.version ?? 1} />
      {content}
    </div>
  );
}

function Tail({ id, query }) {
  const [paused, pause] = useState(false);
  const seen = useRef(null);
  const list = useResource(async (signal) => {
    seen.current = withHead(seen.current, await api.invocations({ ...wanted(query, id), limit: AT_ONCE }, signal));
    return seen.current;
  }, [paused], { every: paused ? 0 : EVERY_MS });
  const data = list.data ?? seen.current;
  const filtered = NAMES.some((name) => query[name]);

  const older = async () => {
    seen.current = withOlder(seen.current, await api.invocations({ ...wanted(query, id), limit: AT_ONCE, cursor: seen.current.next }));
    list.update(seen.current);
  };
  return (
    <>
      <div class="tail-head">
        <span><span class={`live ${paused ? 'paused' : ''}`} aria-hidden="true" /><Fresh resource={list} /></span>
        <Button class="small" icon={paused ? 'play' : 'pause'} onClick={() => pause(!paused)}>{paused ? 'Follow' : 'Pause'}</Button>
      </div>
      <Loaded resource={{ ...list, data }} skeleton={<Skeleton rows={10} height={42} />}>
        {({ items, next }) => (items.length === 0
          ? (
            <Empty title={filtered ? 'No call fits' : 'No calls yet'}>
              <p>{filtered ? 'Take a filter away, or wait: new calls show here by themselves.' : 'Run a function, or call its address: its calls show here by themselves.'}</p>
            </Empty>
          )
          : (
            <>
              <Calls items={items} withFunction={!id} />
              {next && <div class="more"><Button onClick={older} busy="Loading…">Show older</Button></div>}
            </>
          ))}
      </Loaded>
    </>
  );
}
