// Data of a page: loaded when shown, asked for again every so often while someone looks, and at once when the API is
// back. What was loaded stays on the page while newer data is on its way or cannot be had.

import { useEffect, useReducer, useRef } from 'preact/hooks';
import { alive, visible } from './alive.js';

const START = { data: undefined, problem: null, loading: true, freshAt: 0 };

export function useResource(load, keys, { every = 0 } = {}) {
  const [state, change] = useReducer((old, changes) => ({ ...old, ...changes }), START);
  const control = useRef({ reload() {} });

  useEffect(() => {
    let request = null;
    let timer = 0;
    let missed = false;
    let freshAt = 0;

    async function run() {
      clearTimeout(timer);
      request?.abort();
      const mine = new AbortController();
      request = mine;
      change({ loading: true });
      try {
        const data = await load(mine.signal);
        freshAt = Date.now();
        missed = false;
        if (!mine.signal.aborted) change({ data, problem: null, loading: false, freshAt });
      } catch (problem) {
        if (mine.signal.aborted) return;
        missed = true;
        change({ problem, loading: false });
      }
      if (request === mine) plan();
    }
    function plan() {
      clearTimeout(timer);
      if (every && visible.value) timer = setTimeout(run, every);
    }

    change({ data: undefined, problem: null });
    control.current.reload = run;
    run();
    const stopVisible = visible.subscribe((now) => {
      if (!now) clearTimeout(timer);
      else if (every && freshAt && Date.now() - freshAt > every) run();
    });
    let was = alive.value;
    const stopAlive = alive.subscribe((now) => {
      if (now && !was && missed) run();
      was = now;
    });
    return () => {
      request?.abort();
      clearTimeout(timer);
      stopVisible();
      stopAlive();
    };
  }, keys);

  return {
    ...state,
    reload: () => control.current.reload(),
    update: (data) => change({ data }),
  };
}
