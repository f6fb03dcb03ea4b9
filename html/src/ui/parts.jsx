// Small parts that every page is made of.

import { exactTime, NONE, relativeTime, word } from '../core/formats.js';
import { useTick } from './tick.js';
import { Button, Copy } from './button.jsx';

export function Page({ title, lead, actions, children }) {
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1 tabindex="-1">{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Section({ title, actions, children, id }) {
  return (
    <section class="section" aria-labelledby={id}>
      <div class="section-head">
        <h2 id={id}>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** What failed, why, what to do, and the id under which the server's log has it. */
export function ProblemBox({ problem, retry, children }) {
  return (
    <div class="problem" role="alert">
      <p><strong>{problem.title}</strong></p>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.errors?.length > 0 && (
        <ul>{problem.errors.map(({ field, message }) => <li key={field}><code>{field}</code> {message}</li>)}</ul>
      )}
      {children}
      {(retry || problem.requestId) && (
        <div class="problem-foot">
          {retry && <Button onClick={retry}>Try again</Button>}
          {problem.requestId && <span class="hint">Request <code>{problem.requestId}</code> <Copy text={problem.requestId} label="Copy the request id" /></span>}
        </div>
      )}
    </div>
  );
}

export function Empty({ title, children }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 120 84" aria-hidden="true">
        <path class="glass" d="M22 68V54a38 38 0 0 1 76 0v14Z" />
        <path d="M60 16v-6m-6-3h12M22 68V54a38 38 0 0 1 76 0v14M10 74h100M34 53a26 26 0 0 1 19-24" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export const Status = ({ status }) => <span class={`status ${status}`}>{word(status)}</span>;
export const Tag = ({ children }) => <span class="tag">{children}</span>;

/** How long ago; the exact time on hover and for machines. */
export function Time({ at }) {
  useTick();
  return at ? <time datetime={at} title={exactTime(at)}>{relativeTime(at)}</time> : NONE;
}

/** Grey shapes of the size of what is coming; they show only after a moment. */
export function Skeleton({ rows = 6, height = 44 }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => <span key={i} style={{ height: `${height}px` }} />)}
    </div>
  );
}

/** When what is shown was last asked for. */
export function Fresh({ resource }) {
  useTick();
  if (!resource.freshAt) return null;
  const late = resource.problem ? ' · newer data could not be had' : '';
  return <span class={`fresh ${late ? 'late' : ''}`} title={exactTime(resource.freshAt)}>Updated {relativeTime(resource.freshAt)}{late}</span>;
}

/** Shows a resource's data, or in its place the skeleton or the problem. */
export function Loaded({ resource, skeleton, children }) {
  const { data, problem, reload } = resource;
  if (data !== undefined && data !== null) return children(data);
  if (problem) return <ProblemBox problem={problem} retry={reload} />;
  return skeleton ?? <Skeleton />;
}

/** A region that scrolls is reachable by keyboard. */
export const Block = ({ label, class: extra = '', children }) => (
  <pre class={extra} tabindex="0" role="region" aria-label={label}>{children}</pre>
);

export const Scroll = ({ label, children }) => (
  <div class="table" tabindex="0" role="region" aria-label={label}>{children}</div>
);
