// A labelled control with its hint and what is wrong with it, tied together for assistive technology.

import { cloneElement } from 'preact';
import { useId } from 'preact/hooks';

export function Field({ label, hint, error, children, class: extra = '' }) {
  const id = useId();
  const notes = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class={`field ${extra}`}>
      <label for={id}>{label}</label>
      {cloneElement(children, { id, 'aria-invalid': error ? 'true' : undefined, 'aria-describedby': notes || undefined })}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** One of a few: radio buttons that look like one control. */
export function Choice({ label, options, value, onChange, quiet = false }) {
  const name = useId();
  return (
    <fieldset class={`choice ${quiet ? 'quiet' : ''}`}>
      <legend class={quiet ? 'visually-hidden' : ''}>{label}</legend>
      <div>
        {options.map(([option, text]) => (
          <label key={option}>
            <input type="radio" name={name} value={option} checked={option === value} onChange={() => onChange(option)} />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Select({ options, onChange, value, ...rest }) {
  return (
    <select {...rest} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {options.map(([option, text]) => <option key={option} value={option} selected={option === value}>{text}</option>)}
    </select>
  );
}

/** What problem+json says about each field, by its name. */
export const byField = (problem) =>
  Object.fromEntries((problem?.errors ?? []).map(({ field, message }) => [field, message]));
