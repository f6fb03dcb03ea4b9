// Parts that are fetched when they are first shown.

import { useEffect, useState } from 'preact/hooks';
import { ProblemBox } from '../ui/parts.jsx';

const loaded = new Map();

// After an update of Cloche the file of an old page is gone; only a new page knows the new name.
const Gone = () => (
  <ProblemBox problem={{ title: 'This part of the page could not be loaded', detail: 'Cloche was updated, or cannot be reached.' }}
    retry={() => location.reload()} />
);

export function fetchOnce(load) {
  if (!loaded.has(load)) {
    loaded.set(load, load().then((part) => {
      loaded.set(load, part);
      return part;
    }, (error) => {
      loaded.delete(load);
      throw error;
    }));
  }
  return loaded.get(load);
}

/** What `load` brings, or null as long as it is on its way. */
export function useFetched(load) {
  const now = fetchOnce(load);
  const ready = !(now instanceof Promise);
  const [, redraw] = useState(0);
  const [failed, fail] = useState(null);
  useEffect(() => {
    if (ready) return undefined;
    let here = true;
    now.then(() => here && redraw((n) => n + 1), () => here && fail(() => load));
    return () => { here = false; };
  }, [load, ready]);
  if (failed === load) return Gone;
  return ready ? now : null;
}
