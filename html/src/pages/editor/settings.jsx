// What a function is called, where it answers, and within which limits it runs.

import { METHODS } from '../../core/fields.js';
import { milliseconds, word } from '../../core/formats.js';
import { LANGUAGE_OPTIONS } from '../../core/languages.js';
import { Choice, Field, Select } from '../../ui/field.jsx';
import { Copy } from '../../ui/button.jsx';

const RUNTIMES = [['docker', 'Docker'], ['gvisor', 'gVisor']];
const ISOLATIONS = [['request', 'A container for each call'], ['function', 'Keep containers for later calls']];
const ACCESSES = [['public', 'Anyone may call it'], ['private', 'Only with a token']];
const EVENTS = [['input', 'The input itself'], ['http', 'AWS Lambda payload 2.0']];
const RECORDS = [['null', 'Of runs from here'], ['true', 'Of every call'], ['false', 'Never']];

const finalUrl = ({ route }) => `${location.origin}/fn/${route.replace(/^\//, '')}`;

export function Basics({ draft }) {
  const fields = draft.fields.value;
  const wrong = draft.shownErrors.value;
  const typed = (name) => (event) => draft.set(name, event.currentTarget.value);
  const url = draft.saved.value?.route === fields.route ? draft.saved.value.url : finalUrl(fields);
  return (
    <div class="basics">
      <Field label="Name" error={wrong.name}>
        <input value={fields.name} onInput={typed('name')} spellcheck={false} autocomplete="off" maxlength={64} />
      </Field>
      <Field label="Route" error={wrong.route} class="route-field"
        hint={!wrong.route && fields.route ? <>Answers at <span class="mono">{url}</span> <Copy text={url} label="Copy the address" /></> : undefined}>
        <input value={fields.route} onInput={typed('route')} spellcheck={false} autocomplete="off" placeholder="greet/{name}" />
      </Field>
      <Field label="Language"><Select options={LANGUAGE_OPTIONS} value={fields.language} onChange={(value) => draft.set('language', value)} /></Field>
      <Choice label="Runtime" options={RUNTIMES} value={fields.runtime} onChange={(value) => draft.set('runtime', value)} />
    </div>
  );
}

const NumberField = ({ draft, name, label, hint, step = 1 }) => (
  <Field label={label} hint={hint} error={draft.shownErrors.value[name]}>
    <input type="number" step={step} value={draft.fields.value[name]}
      onInput={(event) => draft.set(name, event.currentTarget.valueAsNumber)} />
  </Field>
);

const SelectField = ({ draft, name, label, options, hint, read = (value) => value }) => (
  <Field label={label} hint={hint} error={draft.shownErrors.value[name]}>
    <Select options={options} value={String(draft.fields.value[name])} onChange={(value) => draft.set(name, read(value))} />
  </Field>
);

const summary = (fields) => [
  `${milliseconds(fields.timeout_ms)} at most`, `${fields.memory_mb} MiB`, `${fields.cpus} CPU`, word(fields.access),
  fields.isolation === 'function' && 'containers are kept',
].filter(Boolean).join(' · ');

function Methods({ draft }) {
  const { methods } = draft.fields.value;
  const toggle = (method) => draft.set('methods', METHODS.filter((one) => (one === method ? !methods.includes(one) : methods.includes(one))));
  return (
    <fieldset class="methods">
      <legend>Methods</legend>
      {METHODS.map((method) => (
        <label class="check" key={method}>
          <input type="checkbox" checked={methods.includes(method)} onChange={() => toggle(method)} /> {method}
        </label>
      ))}
      {draft.shownErrors.value.methods && <p class="field-error">{draft.shownErrors.value.methods}</p>}
    </fieldset>
  );
}

const LIMITS = ['timeout_ms', 'memory_mb', 'cpus', 'disk_mb', 'max_concurrency', 'methods', 'handler', 'isolation', 'access', 'event', 'record_input', 'description'];

export function Settings({ draft }) {
  const fields = draft.fields.value;
  const wrong = draft.shownErrors.value;
  const hasError = LIMITS.some((name) => wrong[name]);
  return (
    <details class="settings" open={hasError || undefined}>
      <summary><span>Settings</span> <span class="hint">{summary(fields)}</span></summary>
      <div class="settings-grid">
        <NumberField draft={draft} name="timeout_ms" label="Timeout (ms)" />
        <NumberField draft={draft} name="memory_mb" label="Memory (MiB)" />
        <NumberField draft={draft} name="cpus" label="CPU (cores)" step={0.05} />
        <NumberField draft={draft} name="disk_mb" label="Space in /tmp (MiB)" />
        <NumberField draft={draft} name="max_concurrency" label="Calls at the same time" />
        <SelectField draft={draft} name="isolation" label="Isolation" options={ISOLATIONS} />
        <SelectField draft={draft} name="access" label="Access" options={ACCESSES} />
        <SelectField draft={draft} name="event" label="Event" options={EVENTS} />
        <SelectField draft={draft} name="record_input" label="Keep inputs" options={RECORDS} read={JSON.parse} />
        <Field label="Handler" hint="Empty: handler, lambda_handler, …" error={wrong.handler}>
          <input value={fields.handler ?? ''} spellcheck={false} autocomplete="off" onInput={(event) => draft.set('handler', event.currentTarget.value || null)} />
        </Field>
        <Field label="Description" class="span" error={wrong.description}>
          <input value={fields.description} onInput={(event) => draft.set('description', event.currentTarget.value)} />
        </Field>
        <Methods draft={draft} />
      </div>
    </details>
  );
}
