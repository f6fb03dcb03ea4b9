// One run as it happens: phases and log lines in order of arrival, then the result. Lines that come faster than the
// screen is drawn are shown together.

import { signal } from '@preact/signals';
import { api, Problem } from './api.js';

const NEW = { running: false, phases: [], logs: [], result: null, problem: null };

export function createRun() {
  const state = signal(NEW);
  let request = null;
  let frame = 0;

  const change = (changes) => { state.value = { ...state.value, ...changes }; };

  /** Runs `fn` ({id, timeout_ms}). Resolves to the result, or null when there is none. */
  async function start(fn, body) {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    const phases = [];
    const logs = [];
    let result = null;
    state.value = { ...NEW, running: true };
    const show = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => { if (request === mine) change({ phases: [...phases], logs: [...logs] }); });
    };
    const events = {
      phase: ({ phase, t_ms: at }) => phases.push({ phase, at }),
      log: ({ stream, t_ms, text }) => logs.push({ stream, t_ms, text }),
      result: (event) => { result = event; },
      error: ({ code, status }) => { throw new Problem({ code, status, title: 'The run could not be finished', detail: `The server says: ${code}` }); },
    };
    try {
      await api.execute(fn, body, (event) => { events[event.event]?.(event); show(); }, mine.signal);
      if (!result) throw new Problem({ title: 'The answer ended early', detail: 'The connection was cut before the result. It may be under Invocations.' });
      if (request === mine) change({ running: false, phases, logs, result });
    } catch (problem) {
      if (request === mine) change({ running: false, phases, logs, problem: mine.signal.aborted ? null : problem });
    }
    return result;
  }

  return {
    state,
    start,
    stop: () => { request?.abort(); },
    clear: () => { request?.abort(); request = null; state.value = NEW; },
  };
}
