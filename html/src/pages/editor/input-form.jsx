// A form of the shape of an example: texts, numbers, switches, nested objects and lists keep their types.

import { useId, useLayoutEffect, useState } from 'preact/hooks';
import { blank, kindOf, readNumber } from '../../core/form.js';
import { Button, IconButton } from '../../ui/button.jsx';

function NumberInput({ id, value, onChange }) {
  const [text, setText] = useState(String(value));
  // Before the page is painted: the number of before is never to be seen beside the rest of another input.
  useLayoutEffect(() => { if (readNumber(text) !== value) setText(String(value)); }, [value]);
  const type = (next) => {
    setText(next);
    const number = readNumber(next);
    if (number !== null) onChange(number);
  };
  return <input id={id} inputmode="decimal" value={text} aria-invalid={readNumber(text) === null ? 'true' : undefined}
    onInput={(event) => type(event.currentTarget.value)} />;
}

function TextInput({ id, value, onChange }) {
  const long = value.length > 60 || value.includes('\n');
  const Kind = long ? 'textarea' : 'input';
  return <Kind id={id} value={value} rows={long ? 3 : undefined} spellcheck={false} onInput={(event) => onChange(event.currentTarget.value)} />;
}

function List({ label, value, sample, onChange }) {
  const like = value[0] ?? sample?.[0] ?? '';
  return (
    <fieldset class="nested">
      <legend>{label}</legend>
      {value.map((inner, i) => (
        <div class="entry" key={i}>
          <Value label={`${label} ${i + 1}`} short={String(i + 1)} value={inner} sample={sample?.[i] ?? like} onChange={(next) => onChange(value.map((old, at) => (at === i ? next : old)))} />
          <IconButton icon="close" label={`Remove ${label} ${i + 1}`} onClick={() => onChange(value.filter((_, at) => at !== i))} />
        </div>
      ))}
      <Button class="small" icon="plus" onClick={() => onChange([...value, blank(like)])}>Add</Button>
    </fieldset>
  );
}

function Value({ label, short = label, value, sample, onChange }) {
  const id = useId();
  const kind = kindOf(value);
  if (kind === 'object') {
    return <fieldset class="nested"><legend>{label}</legend><Fields value={value} sample={sample} onChange={onChange} /></fieldset>;
  }
  if (kind === 'list') return <List {...{ label, value, sample, onChange }} />;
  if (kind === 'boolean') {
    return <label class="check"><input type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} /> {label}</label>;
  }
  return (
    <div class="field">
      <label for={id}><span class="mono">{short}</span> <small>{kind === 'null' ? 'nothing (null)' : kind}</small></label>
      {kind === 'number' && <NumberInput {...{ id, value, onChange }} />}
      {kind === 'string' && <TextInput {...{ id, value, onChange }} />}
      {kind === 'null' && <input id={id} disabled value="null" />}
    </div>
  );
}

const Fields = ({ value, sample, onChange }) => Object.keys(value).map((key) => (
  <Value key={key} label={key} value={value[key]} sample={sample?.[key]} onChange={(next) => onChange({ ...value, [key]: next })} />
));

export const InputForm = ({ value, sample, onChange }) => (
  <div class="input-form">
    {Array.isArray(value) ? <List label="input" {...{ value, sample, onChange }} /> : <Fields {...{ value, sample, onChange }} />}
  </div>
);
