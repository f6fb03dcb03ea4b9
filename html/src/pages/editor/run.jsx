// The run pane: what goes in, what happens, what comes out.

import { useEffect, useRef } from 'preact/hooks';
import { listen } from '../../core/keys.js';
import { milliseconds } from '../../core/formats.js';
import { href } from '../../core/router.js';
import { ProblemBox } from '../../ui/parts.jsx';
import { Button } from '../../ui/button.jsx';
import { factsOf, Failure, Figures, Log, Output, Phases, ResultHead } from '../../ui/result.jsx';
import { Inputs } from './inputs.jsx';

const STEPS = [['queued', 'Queued'], ['launching', 'Launching'], ['loading', 'Loading'], ['running', 'Running']];

function Progress({ phases }) {
  const current = phases.at(-1)?.phase;
  const reached = STEPS.findIndex(([name]) => name === current);
  return (
    <ol class="progress" aria-label="Progress">
      {STEPS.map(([name, title], i) => {
        const seen = phases.find(({ phase }) => phase === name);
        const state = i === reached ? 'now' : seen ? 'done' : i < reached ? 'skipped' : '';
        return <li key={name} class={state} aria-current={i === reached ? 'step' : undefined}>{title}{seen && <small>{milliseconds(seen.at)}</small>}</li>;
      })}
    </ol>
  );
}

function Result({ result, logs, fn, onLine }) {
  return (
    <>
      <ResultHead status={result.status} facts={factsOf(result)} />
      {result.error && <Failure error={result.error} language={fn.language} onLine={onLine} />}
      {(!result.error || result.output !== null) && <Output output={result.output} />}
      {(logs.length > 0 || result.logs_truncated) && <h2>Log</h2>}
      {(logs.length > 0 || result.logs_truncated) && <Log logs={logs} truncated={result.logs_truncated} />}
      <Phases metrics={result.metrics} />
      <Figures metrics={result.metrics} runtime={result.runtime} memoryMb={fn.memory_mb} />
      <p class="hint"><a href={href(['invocations', result.invocation_id])}>This call’s record</a></p>
    </>
  );
}

export function RunPane({ fn, run, input, label, disabled, onRun, onLine }) {
  const { running, phases, logs, result, problem } = run.state.value;
  const shown = useRef();
  const act = useRef();
  act.current = onRun;
  useEffect(() => listen({ 'mod+Enter': () => act.current() }), []);
  useEffect(() => { if (running) shown.current?.scrollIntoView({ block: 'nearest' }); }, [running]);
  const announce = running ? `Running: ${phases.at(-1)?.phase ?? 'sent'}`
    : result ? `Ended: ${result.status}, ${milliseconds(result.metrics.total_ms)}` : '';
  return (
    <aside class="run-pane" aria-label="Run">
      <div class="card run-input">
        <Inputs input={input} />
        <div class="actions">
          <Button kind="primary" icon="play" class="grow" disabled={disabled} working={running} busy="Running…" onClick={onRun}>{label}</Button>
          {running && <Button onClick={run.stop}>Stop</Button>}
        </div>
        <p class="hint keys-hint"><kbd>Ctrl</kbd> <kbd>Enter</kbd> from anywhere on this page</p>
      </div>
      {problem && <ProblemBox problem={problem} />}
      {(running || result || logs.length > 0) && (
        <section ref={shown} class="card result glass-top" aria-label="Result" aria-busy={running ? 'true' : undefined}>
          {!result && <Progress phases={phases} />}
          {result ? <Result {...{ result, logs, fn, onLine }} /> : <Log logs={logs} live />}
        </section>
      )}
      <p class="visually-hidden" role="status">{announce}</p>
    </aside>
  );
}
