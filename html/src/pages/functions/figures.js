// How the functions in sight are doing: asked for when their rows come onto the screen, and again while they stay there.
// So a list of hundreds asks for a screenful, and the address of the request stays short.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { useResource } from '../../core/resource.js';
import { summaryByFunction } from '../../core/summary.js';

const EVERY_MS = 10_000;
const SETTLED_MS = 120;
const MOST = 100; // that the API takes at once

/** Ids of the rows on the screen, once scrolling has come to rest; `watch(row)` adds one, which bears its `data-id`. */
function useInSight() {
  const [ids, setIds] = useState([]);
  const control = useRef(null);
  control.current ??= (() => {
    const seen = new Set();
    let timer = 0;
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target.dataset.id);
        else seen.delete(target.dataset.id);
      }
      clearTimeout(timer);
      timer = setTimeout(() => setIds([...seen].sort().slice(0, MOST)), SETTLED_MS);
    });
    return {
      watch(row) {
        observer.observe(row);
        return () => { observer.unobserve(row); seen.delete(row.dataset.id); };
      },
      end: () => { clearTimeout(timer); observer.disconnect(); },
    };
  })();
  useEffect(() => control.current.end, []);
  return [ids, control.current.watch];
}

/** `figures` by id as far as known, `resource` for how fresh they are, and `watch` for each row. */
export function useFigures() {
  const [ids, watch] = useInSight();
  const [figures, setFigures] = useState(() => new Map());
  const load = useCallback(async (signal) => {
    if (!ids.length) return null;
    const found = summaryByFunction(await api.summary({ ids: ids.join() }, signal));
    setFigures((known) => new Map([...known, ...found]));
    return found;
  }, [ids]);
  const resource = useResource(load, [ids.join()], { every: ids.length ? EVERY_MS : 0 });
  return { figures, resource, watch };
}
