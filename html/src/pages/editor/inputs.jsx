// What a run is given: a form, JSON or arguments; inputs that are worth keeping have names.

import { useState } from 'preact/hooks';
import { hasForm, requestOf } from '../../core/form.js';
import { recall, remember } from '../../core/storage.js';
import { Button, IconButton } from '../../ui/button.jsx';
import { Choice, Field } from '../../ui/field.jsx';
import { InputForm } from './input-form.jsx';

const pretty = (value) => (value === null || value === undefined ? '' : JSON.stringify(value, null, 2));

/** The state of the input for a function; `request()` is null, and says why at its field, for text that is not JSON. */
export function useInput(id, example) {
  const form = hasForm(example ?? null);
  const [mode, setMode] = useState(form ? 'form' : 'json');
  const [value, setValue] = useState(example);
  const [json, setJson] = useState(pretty(example));
  const [args, setArgs] = useState('');
  const [error, setError] = useState(null);
  const [saved, setSaved] = useState(() => recall(`inputs.${id}`, []));

  const keep = (list) => {
    setSaved(list);
    remember(`inputs.${id}`, list.length ? list : null);
  };
  return {
    form, mode, value, json, args, saved, example, error,
    setValue, setJson, setArgs,
    setMode(next) {
      if (next === 'json' && mode === 'form') setJson(pretty(value));
      if (next === 'form' && mode === 'json') {
        try {
          const parsed = JSON.parse(json);
          if (hasForm(parsed)) setValue(parsed);
        } catch {
          // The form keeps what it had.
        }
      }
      setMode(next);
    },
    request() {
      setError(null);
      try {
        return requestOf(mode, mode === 'args' ? args : json, value);
      } catch (failed) {
        setError(`This is not JSON: ${failed.message}`);
        return null;
      }
    },
    save: (name) => keep([...saved.filter((one) => one.name !== name), { name, mode, value, json, args }]),
    forget: (name) => keep(saved.filter((one) => one.name !== name)),
    use(one) {
      setMode(one.mode === 'form' && !hasForm(one.value ?? null) ? 'json' : one.mode);
      setValue(one.value);
      setJson(one.json ?? '');
      setArgs(one.args ?? '');
    },
  };
}

function Saved({ input }) {
  const [naming, setNaming] = useState(null);
  const keep = (event) => {
    event.preventDefault();
    if (naming.trim()) input.save(naming.trim());
    setNaming(null);
  };
  return (
    <div class="saved">
      {input.saved.map((one) => (
        <span class="chip" key={one.name}>
          <button type="button" onClick={() => input.use(one)}>{one.name}</button>
          <IconButton icon="close" label={`Forget ${one.name}`} onClick={() => input.forget(one.name)} />
        </span>
      ))}
      {naming === null
        ? <button type="button" class="link" onClick={() => setNaming('')}>Keep this input</button>
        : (
          <form onSubmit={keep}>
            <input aria-label="Name of this input" placeholder="Name" value={naming} maxlength={40} autofocus
              onInput={(event) => setNaming(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === 'Escape') setNaming(null); }} />
            <Button type="submit" class="small">Keep</Button>
          </form>
        )}
    </div>
  );
}

export function Inputs({ input }) {
  const modes = [...(input.form ? [['form', 'Form']] : []), ['json', 'JSON'], ['args', 'Arguments']];
  return (
    <div class="inputs">
      <div class="inputs-head">
        <Choice label="Kind of input" quiet options={modes} value={input.mode} onChange={input.setMode} />
        <Saved input={input} />
      </div>
      {input.mode === 'form' && <InputForm value={input.value} sample={input.example} onChange={input.setValue} />}
      {input.mode === 'json' && (
        <Field label="Input (JSON)" error={input.error} hint={input.error ? undefined : 'Empty: no input.'}>
          <textarea rows={6} spellcheck={false} value={input.json} onInput={(event) => input.setJson(event.currentTarget.value)} />
        </Field>
      )}
      {input.mode === 'args' && (
        <Field label="Arguments" hint="One on a line. For scripts they are argv, for handlers context.args.">
          <textarea rows={4} spellcheck={false} value={input.args} onInput={(event) => input.setArgs(event.currentTarget.value)} />
        </Field>
      )}
    </div>
  );
}
