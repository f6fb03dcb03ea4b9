// The whole page: the sign-in form, or the frame with the page that the address names.

import { useEffect, useRef } from 'preact/hooks';
import { trouble } from './core/alive.js';
import { useFetched } from './core/lazy.jsx';
import { route } from './core/router.js';
import { enter, startProblem, user } from './core/session.js';
import { pageOf } from './routes.js';
import { Frame } from './shell/frame.jsx';
import { SignIn } from './shell/sign-in.jsx';
import { Overlays } from './shell/overlays.jsx';
import { ProblemBox, Skeleton } from './ui/parts.jsx';
import { Toasts } from './ui/toasts.jsx';

function Page() {
  const { segments, query } = route.value;
  const { view, params, title } = pageOf(segments);
  const place = useRef();
  const shown = segments.join('/');
  const first = useRef(true);

  useEffect(() => {
    document.title = `${title} · Cloche`;
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    place.current.focus({ preventScroll: true });
  }, [shown]);

  const View = useFetched(view);
  return (
    <main id="main" ref={place} tabindex="-1">
      {View ? <View key={params.id ?? ''} {...params} query={query} /> : <div class="page"><Skeleton rows={8} /></div>}
    </main>
  );
}

const Away = () => (
  <div class="away" role="alert">
    <span class="pulse" aria-hidden="true" />
    {trouble.value} What you see may be old; this page goes on by itself once it is back.
  </div>
);

export function App() {
  if (startProblem.value && !user.value) {
    return (
      <main class="notice">
        <ProblemBox problem={startProblem.value} retry={enter} />
        <Toasts />
      </main>
    );
  }
  if (user.value === undefined) return <main class="notice"><Skeleton rows={4} /></main>;
  return (
    <>
      {trouble.value && <Away />}
      {user.value ? <Frame><Page /></Frame> : <SignIn />}
      {user.value && <Overlays />}
      <Toasts />
    </>
  );
}
