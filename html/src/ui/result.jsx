// What one call answered: output or error, log, where the time went, figures. For a run as it happens and for a record.

import { bytes, milliseconds, ofOneCore, output as readable, word } from '../core/formats.js';
import { lineOf } from '../core/stack.js';
import { Copy } from './button.jsx';
import { Block, Status } from './parts.jsx';

const isBytes = (output) =>
  output && typeof output === 'object' && typeof output.base64 === 'string' && Object.keys(output).length === 1;

export function Output({ output }) {
  if (output === null || output === undefined) return <p class="hint">Nothing was returned.</p>;
  const text = readable(isBytes(output) ? output.base64 : output);
  return (
    <div class="with-copy">
      {isBytes(output) && <p class="hint">Bytes, shown in base64</p>}
      <Block label="Output" class="output">{text}</Block>
      <Copy text={text} label="Copy the output" />
    </div>
  );
}

/** Lines of the stack that are in the function's own file lead there. */
export function Failure({ error, language, onLine }) {
  return (
    <div class="failure">
      <p><strong>{error.type}</strong>{error.message ? `: ${error.message}` : null}</p>
      {error.stack && (
        <Block label="Stack" class="stack">
          {error.stack.trimEnd().split('\n').map((text, i) => {
            const line = lineOf(text, language);
            return line && onLine
              ? <button type="button" key={i} onClick={() => onLine(line)}>{text}</button>
              : <span key={i} class={line ? 'ours' : ''}>{text}{'\n'}</span>;
          })}
        </Block>
      )}
    </div>
  );
}

const MOST_LINES = 2000;

export function Log({ logs, truncated, live = false }) {
  if (!logs.length && !truncated) return live ? null : <p class="hint">Nothing was printed.</p>;
  const shown = logs.slice(-MOST_LINES);
  return (
    <div class="with-copy">
      <div class="log" tabindex="0" role={live ? 'log' : 'region'} aria-label="Log">
        {logs.length > shown.length && <p class="hint">{logs.length - shown.length} earlier pieces are not shown.</p>}
        {shown.map(({ stream, t_ms: at, text }, i) => (
          <div key={logs.length - shown.length + i} class={stream}>
            <span class="at">{milliseconds(at)}</span>
            <span class="text">{stream === 'stderr' && <span class="visually-hidden">stderr: </span>}{text.replace(/\n$/, '')}</span>
          </div>
        ))}
      </div>
      {truncated && <p class="hint">The log was longer than is kept; the rest was cut.</p>}
      {!live && <Copy text={logs.map(({ text }) => text).join('')} label="Copy the log" />}
    </div>
  );
}

const PHASES = [['queue', 'Queue', 'queue_ms'], ['init', 'Load', 'init_ms'], ['run', 'Run', 'run_ms']];

/** Where the time went: a bar whose parts stand where they happened. */
export function Phases({ metrics }) {
  const total = PHASES.reduce((sum, [, , key]) => sum + Math.max(0, metrics[key] ?? 0), 0);
  if (!(total > 0)) return null;
  let before = 0;
  return (
    <div class="waterfall" role="img" aria-label={PHASES.map(([, name, key]) => `${name} ${milliseconds(metrics[key])}`).join(', ')}>
      {PHASES.map(([kind, name, key]) => {
        const value = Math.max(0, metrics[key] ?? 0);
        const left = (before / total) * 100;
        before += value;
        return (
          <div key={kind} class={kind}>
            <span class="name">{name}</span>
            <span class="track"><span style={{ marginLeft: `${left}%`, width: `max(2px, ${(value / total) * 100}%)` }} /></span>
            <span class="value">{milliseconds(metrics[key])}</span>
          </div>
        );
      })}
    </div>
  );
}

export function Figures({ metrics, runtime, memoryMb }) {
  return (
    <>
      <dl class="figures">
        <div><dt>Total</dt><dd>{milliseconds(metrics.total_ms)}</dd></div>
        <div><dt>CPU</dt><dd>{milliseconds(metrics.cpu_ms)}<small>{ofOneCore(metrics)}</small></dd></div>
        <div><dt>Peak memory</dt><dd>{bytes(metrics.memory_peak_bytes)}{memoryMb ? <small>of {memoryMb} MiB</small> : null}</dd></div>
      </dl>
      {runtime === 'gvisor' && <p class="hint">Under gVisor, CPU and memory include the sandbox itself, not only the function.</p>}
    </>
  );
}

export function ResultHead({ status, facts }) {
  return (
    <div class="result-head">
      <Status status={status} />
      <span class="hint">{facts.filter(Boolean).join(' · ')}</span>
    </div>
  );
}

export const factsOf = ({ runtime, start, version, http_status: http }) =>
  [word(runtime), start && `${start} start`, version && `version ${version}`, http && `HTTP ${http}`];
