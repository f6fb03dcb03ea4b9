import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { fetchOnce } from '../../core/lazy.jsx';
import { columns } from '../../core/series.js';
import { theme } from '../../core/theme.js';

const part = () => import('./uplot.js');
const dark = matchMedia('(prefers-color-scheme: dark)');

function useScheme() {
  const [system, set] = useState(dark.matches);
  useEffect(() => {
    const hear = () => set(dark.matches);
    dark.addEventListener('change', hear);
    return () => dark.removeEventListener('change', hear);
  }, []);
  return `${theme.value}-${system}`;
}

export function Chart({ chart, answer, versions, range, onZoom }) {
  const host = useRef();
  const plot = useRef(null);
  const [lib, setLib] = useState(null);
  const scheme = useScheme();
  useEffect(() => {
    let here = true;
    Promise.resolve(fetchOnce(part)).then((it) => here && setLib(it), () => {});
    return () => { here = false; };
  }, []);
  const data = useMemo(() => columns(answer, chart), [answer, chart]);
  const now = { chart, data, versions, range, onZoom };
  useEffect(() => {
    if (!lib) return undefined;
    plot.current = lib.mountChart(host.current, now);
    return () => plot.current.end();
  }, [lib, scheme]);
  useEffect(() => plot.current?.show(now), [answer]);
  return (
    <figure class="card chart">
      <figcaption><h2>{chart.title}</h2></figcaption>
      <div class="plot" ref={host} role="img" aria-label={`${chart.title}, ${answer.series.length} points; the same as a table below`} />
    </figure>
  );
}
