// What a range amounts to, beside the charts: totals, kinds of starts and ends, errors, both runtimes, advice.

import { bytes, count, milliseconds, NONE, percent, word } from '../../core/formats.js';
import { href } from '../../core/router.js';
import { adviceText, ratio, shares } from '../../core/series.js';

export const Totals = ({ totals }) => (
  <dl class="figures totals card">
    <div><dt>Requests</dt><dd>{count(totals.requests)}</dd></div>
    <div><dt>Success</dt><dd>{percent(totals.success_rate)}</dd></div>
    <div><dt>p50</dt><dd>{milliseconds(totals.total_ms?.p50)}</dd></div>
    <div><dt>p95</dt><dd>{milliseconds(totals.total_ms?.p95)}</dd></div>
    <div><dt>p99</dt><dd>{milliseconds(totals.total_ms?.p99)}</dd></div>
    <div><dt>CPU</dt><dd>{milliseconds(totals.cpu_ms)}<small>{percent(totals.cpu_share)} of one core</small></dd></div>
    <div><dt>Peak memory</dt><dd>{bytes(totals.memory_peak_bytes)}</dd></div>
  </dl>
);

function Shares({ title, counts, link }) {
  const parts = shares(counts);
  return (
    <div class="card shares">
      <h2>{title}</h2>
      {parts.length === 0 && <p class="hint">No calls.</p>}
      <ul>
        {parts.map(({ name, n, share }) => (
          <li key={name}>
            <span>{link ? <a href={link(name)}>{word(name)}</a> : word(name)}</span>
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="ground" width="100" height="8" /><rect class={name} width={share * 100} height="8" /></svg>
            <span class="number">{count(n)} <small>{percent(share)}</small></span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const times = (value) => (value === null ? NONE : `× ${value < 10 ? value.toPrecision(value < 1 ? 1 : 2) : Math.round(value)}`);

function Runtimes({ by: { docker, gvisor } }) {
  if (!docker || !gvisor) return null;
  const rows = [
    ['Requests', count, (it) => it.requests, false], ['p50', milliseconds, (it) => it.total_ms?.p50, true], ['p95', milliseconds, (it) => it.total_ms?.p95, true],
    ['Load, p50', milliseconds, (it) => it.init_ms?.p50, true], ['CPU of a call', milliseconds, (it) => it.cpu_ms / it.requests, true],
    ['Memory, p95', bytes, (it) => it.memory_p95_bytes, true],
  ];
  return (
    <div class="card shares">
      <h2>Docker and gVisor</h2>
      <table class="plain">
        <thead><tr><th scope="col"><span class="visually-hidden">Figure</span></th><th scope="col" class="number">Docker</th><th scope="col" class="number">gVisor</th><th scope="col" class="number">ratio</th></tr></thead>
        <tbody>{rows.map(([name, show, read, compared]) => (
          <tr key={name}><th scope="row">{name}</th><td class="number">{show(read(docker))}</td><td class="number">{show(read(gvisor))}</td><td class="number">{compared ? times(ratio(read(docker), read(gvisor))) : ''}</td></tr>
        ))}</tbody>
      </table>
      <p class="hint">gVisor’s CPU and memory include its sandbox.</p>
    </div>
  );
}

export function Breakdown({ answer, id, query }) {
  const { totals, by_runtime: by, advice } = answer;
  const calls = (status) => href(id ? ['functions', id, 'invocations'] : ['invocations'], { status, range: query.range, from: query.from, to: query.to });
  const text = adviceText(advice);
  return (
    <div class="breakdown">
      <Shares title="How calls ended" counts={totals.by_status} link={calls} />
      <Shares title="How they started" counts={totals.by_start} />
      {totals.errors_by_type?.length > 0 && <Shares title="Errors by type" counts={Object.fromEntries(totals.errors_by_type.map(({ type, count: n }) => [type, n]))} />}
      {by && <Runtimes by={by} />}
      {text && <div class="card shares"><h2>Memory limit</h2><p>{text}</p>{id && <p class="hint"><a href={href(['functions', id])}>Change it</a></p>}</div>}
    </div>
  );
}
