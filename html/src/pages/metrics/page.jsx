// Metrics of a function or of everything: what the address says is shown, for a range that ends now or any other.

import { useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { exactTime, NONE } from '../../core/formats.js';
import { RANGES, rangeOf, stepFor, stepName } from '../../core/ranges.js';
import { useResource } from '../../core/resource.js';
import { setQuery } from '../../core/router.js';
import { CHARTS, columns } from '../../core/series.js';
import { Button } from '../../ui/button.jsx';
import { Choice, Select } from '../../ui/field.jsx';
import { FunctionHead } from '../../ui/function-head.jsx';
import { Empty, Fresh, Loaded, Page, Skeleton } from '../../ui/parts.jsx';
import { Chart } from './chart.jsx';
import { Breakdown, Totals } from './figures.jsx';

const EVERY_MS = 10_000;
const DEFAULT = '1h';
const RUNTIMES = [['', 'Both runtimes'], ['docker', 'Docker'], ['gvisor', 'gVisor']];
const iso = (ms) => new Date(ms).toISOString();

async function load(id, query, signal) {
  const range = rangeOf(query, Date.now(), DEFAULT);
  const wanted = { from: iso(range.from), to: iso(range.to), step: stepFor(range), runtime: query.runtime };
  const [answer, versions] = await Promise.all([
    id ? api.functionMetrics(id, wanted, signal) : api.systemMetrics(wanted, signal),
    id ? api.versions(id, { limit: 100 }, signal) : { items: [] },
  ]);
  const shown = { from: Date.parse(answer.from), to: Date.parse(answer.to) };
  return { answer, range: shown, versions: versions.items.map(({ version, created_at: at }) => ({ version, at: Date.parse(at) })) };
}

const local = (ms) => {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
};

function Picker({ query }) {
  const range = rangeOf(query, Date.now(), DEFAULT);
  const custom = Boolean(query.from);
  const change = (name) => (event) => {
    const ms = new Date(event.currentTarget.value).getTime();
    if (!Number.isNaN(ms)) setQuery({ range: null, from: iso(range.from), to: iso(range.to), [name]: iso(ms) });
  };
  return (
    <div class="filters">
      <Choice label="Range" quiet options={[...RANGES.map(([key, title]) => [key, title]), ['custom', 'Custom']]} value={custom ? 'custom' : query.range ?? DEFAULT}
        onChange={(key) => setQuery(key === 'custom' ? { range: null, from: iso(range.from), to: iso(range.to) } : { range: key, from: null, to: null })} />
      {custom && (
        <>
          <input type="datetime-local" aria-label="From" value={local(range.from)} onChange={change('from')} />
          <input type="datetime-local" aria-label="To" value={local(range.to)} onChange={change('to')} />
        </>
      )}
      <Select aria-label="Runtime" options={RUNTIMES} value={query.runtime ?? ''} onChange={(runtime) => setQuery({ runtime })} />
    </div>
  );
}

const figure = (value) => (value === null ? NONE : String(Number(value.toFixed(2))));

function AsTable({ answer }) {
  const all = CHARTS.map((chart) => ({ chart, columns: columns(answer, chart) }));
  return (
    <div class="table tall" tabindex="0" role="region" aria-label="The charts as a table">
      <table>
        <thead><tr><th scope="col">From</th>{all.flatMap(({ chart }) => chart.lines.map((line) => <th key={chart.key + line.name} scope="col" class="number">{chart.title}: {line.name} ({chart.unit})</th>))}</tr></thead>
        <tbody>{answer.series.map((point, i) => (
          <tr key={point.t}><th scope="row" class="nowrap">{exactTime(point.t)}</th>{all.flatMap(({ chart, columns: [, ...lines] }) => lines.map((line, at) => <td key={chart.key + at} class="number">{figure(line[i])}</td>))}</tr>
        ))}</tbody>
      </table>
    </div>
  );
}

function Shown({ data: { answer, range, versions }, id, query }) {
  const [table, setTable] = useState(false);
  if (!answer.totals.requests) {
    return <Empty title="No calls in this time"><p>Choose a longer range, or call a function: figures show here within seconds.</p></Empty>;
  }
  const zoom = (from, to) => setQuery({ range: null, from: iso(from), to: iso(to) });
  return (
    <>
      <Totals totals={answer.totals} />
      <div class="charts">{CHARTS.map((chart) => <Chart key={chart.key} {...{ chart, answer, versions, range }} onZoom={zoom} />)}</div>
      <div class="section-head">
        <p class="hint">Each point is {stepName(answer.step)}. Drag over a chart to look closer{versions.length ? '; dashed lines are new versions' : ''}.</p>
        <Button class="small" aria-pressed={table ? 'true' : 'false'} onClick={() => setTable(!table)}>As table</Button>
      </div>
      {table && <AsTable answer={answer} />}
      <Breakdown answer={answer} id={id} query={query} />
    </>
  );
}

export function MetricsPage({ id, query }) {
  const fn = useResource((signal) => (id ? api.function(id, signal) : Promise.resolve({})), [id]);
  const { range, from, to, runtime } = query;
  const metrics = useResource((signal) => load(id, query, signal), [id, range, from, to, runtime], { every: from ? 0 : EVERY_MS });
  const content = (
    <>
      <Picker query={query} />
      <Loaded resource={metrics} skeleton={<><Skeleton rows={1} height={90} /><Skeleton rows={2} height={240} /></>}>
        {(data) => <Shown {...{ data, id, query }} />}
      </Loaded>
    </>
  );
  if (!id) return <Page title="Metrics" lead={<Fresh resource={metrics} />}>{content}</Page>;
  return (
    <div class="page">
      <Loaded resource={fn} skeleton={<Skeleton rows={1} height={96} />}>{(it) => <FunctionHead fn={it}><Fresh resource={metrics} /></FunctionHead>}</Loaded>
      {content}
    </div>
  );
}
