import { bytes, milliseconds, ofOneCore, output as readable, word } from '../../core/formats.js';
import { middleRun, SIDES, spread, verdict } from '../../core/verdict.js';
import { Block, Status } from '../../ui/parts.jsx';
import { Failure } from '../../ui/result.jsx';
import { Diff } from '../versions/diff.jsx';

const PHASES = [['queue', 'Queue', 'queue_ms'], ['init', 'Load', 'init_ms'], ['run', 'Run', 'run_ms']];

/** Bars of both sides on one scale; each is a list of parts [kind, value, title]. */
function Bars({ title, rows, show }) {
  const totals = rows.map(({ parts }) => parts.reduce((sum, [, value]) => sum + Math.max(0, value ?? 0), 0));
  const most = Math.max(...totals, Number.MIN_VALUE);
  return (
    <div class="bars">
      <h2>{title}</h2>
      {rows.map(({ side, parts, note }, i) => (
        <div class="bar-row" key={side}>
          <span class={`side-name ${side}`}>{word(side)}</span>
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={parts.map(([, value, name]) => `${name} ${show(value)}`).join(', ')}>
            <rect class="ground" width="100" height="10" />
            {parts.reduce(({ at, all }, [kind, value]) => {
              const width = (Math.max(0, value ?? 0) / most) * 100;
              return { at: at + width, all: [...all, <rect key={kind} class={kind} x={at} width={width} height="10" />] };
            }, { at: 0, all: [] }).all}
          </svg>
          <span class="bar-value">{show(totals[i])}{note && <small>{note}</small>}</span>
        </div>
      ))}
    </div>
  );
}

/** Every run as a dot on one axis: how far they lie apart. */
function Spread({ spreads }) {
  const most = Math.max(...spreads.map(({ range }) => range?.most ?? 0), Number.MIN_VALUE);
  return (
    <div class="bars">
      <h2>Spread of the total</h2>
      {spreads.map(({ side, range }) => range && (
        <div class="bar-row" key={side}>
          <span class={`side-name ${side}`}>{word(side)}</span>
          <svg class="dots" viewBox="0 0 200 12" preserveAspectRatio="none" role="img"
            aria-label={`${range.values.length} runs from ${milliseconds(range.least)} to ${milliseconds(range.most)}`}>
            <path class="axis" d="M0 6H200" />
            <path class={side} d={`M${(range.least / most) * 198 + 1} 6H${(range.most / most) * 198 + 1}`} />
            {range.values.map((value, i) => <path key={i} class={`tick ${side}`} d={`M${(value / most) * 198 + 1} 1V11`} />)}
          </svg>
          <span class="bar-value">{milliseconds(range.least)} – {milliseconds(range.most)}</span>
        </div>
      ))}
    </div>
  );
}

const lastOf = (runs, status) => runs.findLast((run) => (run.status === 'ok') === status);

function Side({ side, runs, language }) {
  const good = lastOf(runs, true);
  const bad = lastOf(runs, false);
  return (
    <div class="result">
      <h2 class={`side-name ${side}`}>{word(side)}</h2>
      {good && <Block label={`Output on ${word(side)}`}>{readable(good.output)}</Block>}
      {bad && <><Status status={bad.status} />{bad.error && <Failure error={bad.error} language={language} />}</>}
      {!good && !bad && <p class="hint">It did not run.</p>}
    </div>
  );
}

function Outputs({ answer, language }) {
  const { runs, outputs_equal: equal } = answer;
  const failed = SIDES.some((side) => runs[side].some(({ status }) => status !== 'ok'));
  if (equal && !failed) {
    return <div class="result"><h2>Both answered</h2><Block label="Output">{readable(runs.docker.at(-1).output)}</Block></div>;
  }
  const [docker, gvisor] = SIDES.map((side) => lastOf(runs[side], true));
  if (docker && gvisor && !failed) {
    return (
      <div class="result">
        <h2>From Docker’s answer to gVisor’s</h2>
        <Diff before={readable(docker.output)} after={readable(gvisor.output)} label="Difference of the answers" />
      </div>
    );
  }
  return <div class="two">{SIDES.map((side) => <Side key={side} side={side} runs={runs[side]} language={language} />)}</div>;
}

export function Comparison({ answer, language }) {
  const sides = SIDES.filter((side) => answer.medians[side]);
  const median = (side) => answer.medians[side];
  const phases = (side) => middleRun(answer.runs[side]).metrics;
  return (
    <section class="card result glass-top" aria-label="Comparison">
      <p class="verdict" role="status">{verdict(answer)}</p>
      {sides.length > 0 && (
        <>
          <Bars title="Time by phase" show={milliseconds} rows={sides.map((side) => ({ side, parts: PHASES.map(([kind, name, key]) => [kind, phases(side)[key], name]) }))} />
          <p class="legend">{PHASES.map(([kind, name]) => <span key={kind} class={kind}>{name}</span>)}</p>
          <Bars title="CPU" show={milliseconds} rows={sides.map((side) => ({ side, parts: [[side, median(side).cpu_ms, 'CPU']], note: ofOneCore(phases(side)) }))} />
          <Bars title="Peak memory" show={bytes} rows={sides.map((side) => ({ side, parts: [[side, median(side).memory_peak_bytes, 'Peak memory']] }))} />
          <Spread spreads={sides.map((side) => ({ side, range: spread(answer.runs[side], 'total_ms') }))} />
        </>
      )}
      <Outputs answer={answer} language={language} />
      <p class="hint">Phases are those of the run in the middle, CPU and memory are medians. Under gVisor, CPU and memory include the sandbox itself.</p>
    </section>
  );
}
