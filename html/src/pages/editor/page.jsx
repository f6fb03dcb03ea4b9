// Write, save, run: a new function, or one that is there.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { fieldsOf } from '../../core/examples.js';
import { DEFAULTS } from '../../core/fields.js';
import { word } from '../../core/formats.js';
import { listen } from '../../core/keys.js';
import { useResource } from '../../core/resource.js';
import { go, setQuery } from '../../core/router.js';
import { createRun } from '../../core/run.js';
import { may } from '../../core/session.js';
import { lineOf } from '../../core/stack.js';
import { toast } from '../../core/toasts.js';
import { Button } from '../../ui/button.jsx';
import { Select } from '../../ui/field.jsx';
import { FunctionHead } from '../../ui/function-head.jsx';
import { Loaded, ProblemBox, Skeleton } from '../../ui/parts.jsx';
import { Code } from './code.jsx';
import { createDraft } from './draft.js';
import { useInput } from './inputs.jsx';
import { RunPane } from './run.jsx';
import { Basics, Settings } from './settings.jsx';

export function EditorPage({ id, query }) {
  const start = useResource(async (signal) => {
    if (id) return { fn: await api.function(id, signal), examples: [] };
    const { items } = await api.examples(signal).catch(() => ({ items: [] }));
    return { fn: null, examples: items };
  }, [id]);
  return (
    <Loaded resource={start} skeleton={<div class="page"><Skeleton rows={2} height={70} /><Skeleton rows={1} height={420} /></div>}>
      {({ fn, examples }) => <Editor key={fn?.id ?? 'new'} fn={fn} examples={examples} query={query} />}
    </Loaded>
  );
}

function ExamplePicker({ examples, draft }) {
  if (!examples.length) return null;
  const options = [['', 'Start from an example…'], ...examples.map(({ name, language }) => [name, `${name} (${word(language)})`])];
  return (
    <Select aria-label="Example" options={options} value="" onChange={(name) => {
      const example = examples.find((one) => one.name === name);
      if (example) draft.fill({ ...DEFAULTS, ...fieldsOf(example) });
    }} />
  );
}

function Restored({ draft }) {
  if (!draft.restored.value) return null;
  return (
    <div class="note" role="status">
      <span>Changes that were not saved are back{draft.restored.value.outdated ? '; the function has changed since' : ''}.</span>
      <Button class="small" onClick={() => draft.discard()}>Discard them</Button>
    </div>
  );
}

function SaveProblem({ draft }) {
  const problem = draft.problem.value;
  if (!problem) return null;
  const takeTheirs = async () => draft.discard(await api.function(draft.saved.value.id));
  return (
    <ProblemBox problem={problem}>
      {problem.code === 'stale' && (
        <div class="actions">
          <Button onClick={takeTheirs}>Show what is there now</Button>
          <Button onClick={() => draft.save({ overwrite: true })}>Save mine over it</Button>
        </div>
      )}
    </ProblemBox>
  );
}

function Editor({ fn: loaded, examples, query }) {
  const draft = useMemo(() => createDraft(loaded, startFrom(examples, query.example)), []);
  const run = useMemo(createRun, []);
  const fn = draft.saved.value;
  const fields = draft.fields.value;
  const input = useInput(fn?.id ?? 'new', fields.input_example);
  const [mark, setMark] = useState(null);
  const write = may('functions:write');
  const dirty = draft.dirty.value;

  const save = async () => {
    const isNew = !draft.saved.value;
    const answer = await draft.save();
    if (!answer) return null;
    toast(isNew ? `${answer.name} is deployed` : `Saved as version ${answer.version}`);
    if (isNew) {
      history.replaceState(null, '', `#/functions/${answer.id}`);
      document.title = `${answer.name} · Cloche`;
    }
    return answer;
  };

  const deployAndRun = async () => {
    setMark(null);
    const request = input.request();
    if (!request) return;
    const target = draft.dirty.value && write ? await save() : draft.saved.value;
    if (!target) return;
    const result = await run.start(target, request);
    setMark(result?.error ? lineOf(result.error.stack, target.language) : null);
  };

  const acts = useRef();
  acts.current = { save, deployAndRun };
  useEffect(() => listen({ 'mod+s': () => write && acts.current.save() }), []);
  useEffect(() => () => run.clear(), []);
  useLeaving(draft);
  useEffect(() => {
    if (fn) document.title = `${fn.name} · Cloche`;
    if (!query.run) return;
    setQuery({ run: null });
    acts.current.deployAndRun();
  }, [query.run]);

  const openFile = (code, language) => {
    draft.fill({ code, ...(language ? { language } : {}) });
  };
  const edited = { ...fields, id: fn?.id };
  return (
    <div class="page editor-page">
      {fn
        ? <FunctionHead fn={fn}>{write && <Saving {...{ draft, save, dirty }} />}</FunctionHead>
        : (
          <header class="page-head">
            <div><p class="crumb"><a href="#/functions">Functions</a></p><h1 tabindex="-1">New function</h1></div>
            <div class="actions"><ExamplePicker examples={examples} draft={draft} /><Saving {...{ draft, save, dirty }} /></div>
          </header>
        )}
      <Restored draft={draft} />
      <SaveProblem draft={draft} />
      <Basics draft={draft} />
      <Settings draft={draft} />
      <div class="bench">
        <Code code={fields.code} replaced={draft.replaced.value} language={fields.language} mark={mark} error={draft.shownErrors.value.code}
          onChange={(code) => draft.set('code', code)} onFile={openFile} />
        <RunPane fn={edited} {...{ run, input }} disabled={!may('invoke')} onLine={setMark}
          label={dirty && write ? 'Deploy & run' : 'Run'} onRun={deployAndRun} />
      </div>
    </div>
  );
}

// Who leaves loses nothing: what was changed stays in this browser, and that is said. Only where it cannot be kept does
// the browser ask before the page is closed.
function useLeaving(draft) {
  useEffect(() => {
    const isChanged = () => Object.keys(draft.changed.value).length > 0;
    const closing = (event) => {
      if (!isChanged()) return;
      draft.keepNow();
      if (!draft.lasting.value) event.preventDefault();
    };
    addEventListener('beforeunload', closing);
    return () => {
      removeEventListener('beforeunload', closing);
      if (!isChanged()) return;
      draft.keepNow();
      const { value: fn } = draft.saved;
      toast(`${fn?.name ?? 'The new function'} is not saved; ${draft.lasting.value ? 'your changes are kept in this browser' : 'your changes are kept until this page is closed'}`, {
        action: { label: 'Go back', run: () => go(fn ? ['functions', fn.id] : ['new']) },
      });
    };
  }, []);
}

const Saving = ({ draft, save, dirty }) => (
  <>
    {dirty && draft.saved.value && (
      <input class="note-input" aria-label="What is new, in a few words (optional)" placeholder="What is new? (optional)" maxlength={500}
        value={draft.note.value} onInput={(event) => draft.setNote(event.currentTarget.value)}
        onKeyDown={(event) => { if (event.key === 'Enter') save(); }} />
    )}
    {!dirty && <span class="hint" role="status">Saved</span>}
    <Button onClick={save} busy="Saving…" disabled={!dirty} title="Ctrl+S">Save</Button>
  </>
);

function startFrom(examples, name) {
  const example = name && examples.find((one) => one.name === name);
  return example ? fieldsOf(example) : {};
}
