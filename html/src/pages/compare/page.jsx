// The same call on both runtimes: who is faster, by how much, where the time goes, and whether they say the same.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { plural } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { Button } from '../../ui/button.jsx';
import { FunctionHead } from '../../ui/function-head.jsx';
import { Loaded, ProblemBox, Skeleton } from '../../ui/parts.jsx';
import { Inputs, useInput } from '../editor/inputs.jsx';
import { Comparison } from './comparison.jsx';

export function ComparePage({ id }) {
  const fn = useResource((signal) => api.function(id, signal), [id]);
  return (
    <div class="page">
      <Loaded resource={fn} skeleton={<><Skeleton rows={1} height={96} /><Skeleton rows={2} height={200} /></>}>
        {(it) => <><FunctionHead fn={it} /><Compare fn={it} /></>}
      </Loaded>
    </div>
  );
}

function Compare({ fn }) {
  const input = useInput(fn.id, fn.input_example);
  const [runs, setRuns] = useState(3);
  const [state, setState] = useState({ working: false, answer: null, problem: null });
  const request = useRef(null);
  useEffect(() => () => request.current?.abort(), []);

  const start = async () => {
    const given = input.request();
    if (!given) return;
    const mine = new AbortController();
    request.current = mine;
    setState({ ...state, working: true, problem: null });
    try {
      setState({ working: false, answer: await api.compare(fn, { ...given, runs }, mine.signal), problem: null });
    } catch (problem) {
      setState({ working: false, answer: null, problem: mine.signal.aborted ? null : problem });
    }
  };

  return (
    <div class="compare">
      <div class="card run-input">
        <Inputs input={input} />
        <div class="field">
          <label for="runs">Runs on each: <output>{runs}</output></label>
          <input id="runs" type="range" min={1} max={20} value={runs} onInput={(event) => setRuns(event.currentTarget.valueAsNumber)} />
        </div>
        <div class="actions">
          <Button kind="primary" icon="compare" class="grow" working={state.working} busy={`Running ${plural(runs * 2, 'time')}…`} onClick={start}>Compare</Button>
          {state.working && <Button onClick={() => request.current.abort()}>Stop</Button>}
        </div>
        <p class="hint">They take turns, so that what else the machine does weighs on both alike. gVisor’s memory and CPU include its sandbox.</p>
      </div>
      <div class="compare-result">
        {state.problem && <ProblemBox problem={state.problem} retry={start} />}
        {state.answer && <Comparison answer={state.answer} language={fn.language} />}
        {state.working && !state.answer && <Skeleton rows={3} height={150} />}
        {!state.answer && !state.working && !state.problem && <p class="hint">Nothing was compared yet. What is compared is saved code, with the input beside this.</p>}
      </div>
    </div>
  );
}
