// The head of all pages about one function: its name, and the way from one to the other.

import { word } from '../core/formats.js';
import { href, route } from '../core/router.js';
import { Tag } from './parts.jsx';

const TABS = [['', 'Code'], ['invocations', 'Invocations'], ['compare', 'Compare'], ['versions', 'Versions'], ['metrics', 'Metrics']];

export function FunctionHead({ fn, children }) {
  const current = route.value.segments[2] ?? '';
  return (
    <>
      <header class="page-head">
        <div>
          <p class="crumb"><a href="#/functions">Functions</a></p>
          <h1 tabindex="-1"><bdi>{fn.name}</bdi></h1>
          <p class="tags"><Tag>{word(fn.language)}</Tag><Tag>{word(fn.runtime)}</Tag><Tag>version {fn.version}</Tag>
            {fn.access === 'private' && <Tag>private</Tag>}{fn.status === 'disabled' && <Tag>disabled</Tag>}</p>
        </div>
        {children && <div class="actions">{children}</div>}
      </header>
      <nav class="tabs" aria-label="Function">
        {TABS.map(([part, title]) => (
          <a key={part} href={href(['functions', fn.id, part].filter(Boolean))} aria-current={part === current ? 'page' : undefined}>{title}</a>
        ))}
      </nav>
    </>
  );
}
