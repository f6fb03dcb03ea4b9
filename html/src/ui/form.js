// A form: what is typed, and what became of sending it.

import { useState } from 'preact/hooks';

/** `send(values)` may throw a Problem; the fields are emptied once it went well. */
export function useForm(empty, send) {
  const [values, setValues] = useState(empty);
  const [state, setState] = useState({ working: false, problem: null });
  return {
    values,
    ...state,
    set: (name, value) => setValues((now) => ({ ...now, [name]: value })),
    bind: (name) => ({
      value: values[name],
      onInput: (event) => { const { value } = event.currentTarget; setValues((now) => ({ ...now, [name]: value })); },
    }),
    async submit(event) {
      event.preventDefault();
      if (state.working) return;
      setState({ working: true, problem: null });
      try {
        await send(values);
        setValues(empty);
        setState({ working: false, problem: null });
      } catch (problem) {
        setState({ working: false, problem });
      }
    },
  };
}
