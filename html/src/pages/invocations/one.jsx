// One call: what came of it, why, what it was given, where its time went; and the same call once more.

import { useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { bytes, exactTime, milliseconds, output as readable, word } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { href } from '../../core/router.js';
import { may } from '../../core/session.js';
import { Button, Copy } from '../../ui/button.jsx';
import { Block, Loaded, Page, Section, Skeleton, Time } from '../../ui/parts.jsx';
import { factsOf, Failure, Figures, Log, Output, Phases, ResultHead } from '../../ui/result.jsx';

const WHY = {
  timeout: 'It did not answer within its time limit. Loading and running count, waiting does not.',
  oom: 'It needed more memory than its limit, in one of its processes.',
  crash: 'Its process ended before it answered.',
  rejected: 'It was never run: there was no room for it, or its runtime is not there.',
  cancelled: 'The caller hung up before there was an answer.',
};

function Facts({ call }) {
  const facts = [
    ['Function', <a href={href(['functions', call.function_id])}><bdi>{call.function_name}</bdi></a>],
    ['Version', <a href={href(['functions', call.function_id, 'versions'], { show: call.version })}>{call.version}</a>],
    ['Arrived', <><Time at={call.created_at} /> <span class="hint">{exactTime(call.created_at)}</span></>],
    ['Came by', call.path ? <code>{call.method} {call.path}</code> : word(call.source)],
    ['Bytes in, out', `${bytes(call.request_bytes)}, ${bytes(call.response_bytes)}`],
    ['Id', <><code>{call.id}</code> <Copy text={call.id} label="Copy the id" /></>],
  ];
  return <dl class="facts">{facts.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>])}</dl>;
}

function Input({ call }) {
  if (call.input === null && !call.args) {
    return <p class="hint">{call.input_recorded ? 'It was given nothing.' : 'Its input was not kept. The function’s setting “Keep inputs” says which are.'}</p>;
  }
  return (
    <>
      {call.args && <Block label="Arguments">{call.args.join('\n')}</Block>}
      {call.input !== null && <Block label="Input">{readable(call.input)}</Block>}
    </>
  );
}

function Replay({ call }) {
  const [answer, setAnswer] = useState(null);
  if (!may('invoke')) return null;
  const again = (changes) => async () => setAnswer(await api.replay(call.id, changes));
  const other = call.runtime === 'docker' ? 'gvisor' : 'docker';
  return (
    <Section title="Once more" id="replay">
      <div class="actions">
        <Button icon="refresh" busy="Running…" onClick={again({ version: call.version })}>Version {call.version}, as it was</Button>
        <Button busy="Running…" onClick={again({})}>The current version</Button>
        <Button busy="Running…" onClick={again({ runtime: other })}>On {word(other)}</Button>
      </div>
      {answer && (
        <div class="card result glass-top">
          <ResultHead status={answer.status} facts={factsOf(answer)} />
          {answer.error ? <Failure error={answer.error} /> : <Output output={answer.output} />}
          {answer.logs?.length > 0 && <Log logs={answer.logs} truncated={answer.logs_truncated} />}
          <p class="hint">{milliseconds(answer.metrics.total_ms)} · <a href={href(['invocations', answer.invocation_id])}>Its record</a></p>
        </div>
      )}
    </Section>
  );
}

export function InvocationPage({ invocation }) {
  const call = useResource((signal) => api.invocation(invocation, signal), [invocation]);
  return (
    <Loaded resource={call} skeleton={<div class="page"><Skeleton rows={1} height={60} /><Skeleton rows={3} height={160} /></div>}>
      {(it) => (
        <Page title="Invocation" lead={<><bdi>{it.function_name}</bdi> · <Time at={it.created_at} /></>}
          actions={<a class="button plain" href={href(['functions', it.function_id])}>Open the function</a>}>
          <div class="split">
            <div class="stack-of-cards">
              <div class="card result">
                <ResultHead status={it.status} facts={factsOf(it)} />
                {it.error && <Failure error={it.error} />}
                {WHY[it.status] && <p class="hint">{WHY[it.status]}</p>}
                <h2>Log</h2>
                <Log logs={it.logs ?? []} truncated={it.logs_truncated} />
              </div>
              <Replay call={it} />
            </div>
            <div class="stack-of-cards">
              <div class="card result"><h2>Time and cost</h2><Phases metrics={it.metrics} /><Figures metrics={it.metrics} runtime={it.runtime} memoryMb={it.memory_mb} /></div>
              <div class="card result"><h2>Input</h2><Input call={it} /></div>
              <div class="card"><Facts call={it} /></div>
            </div>
          </div>
        </Page>
      )}
    </Loaded>
  );
}
