import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchOnce } from '../../core/lazy.jsx';
import { Skeleton } from '../../ui/parts.jsx';

const diffPart = () => import('./diff.js');

export function Diff({ before, after, language, label }) {
  const host = useRef();
  const [part, setPart] = useState(null);
  useEffect(() => {
    let here = true;
    Promise.resolve(fetchOnce(diffPart)).then((it) => here && setPart(it), () => {});
    return () => { here = false; };
  }, []);
  useEffect(() => (part && host.current ? part.mountDiff(host.current, { before, after, language, label }) : undefined), [part, before, after, language, label]);
  return (
    <>
      {!part && <Skeleton rows={6} height={20} />}
      <div class="diff-host" ref={host} />
    </>
  );
}
