// Ctrl+K: type a few letters, press Enter. Pages, actions and functions in one list.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../core/api.js';
import { word } from '../core/formats.js';
import { rank } from '../core/rank.js';
import { go } from '../core/router.js';
import { signOut } from '../core/session.js';
import { THEMES, theme } from '../core/theme.js';
import { toastProblem } from '../core/toasts.js';
import { Dialog } from '../ui/dialog.jsx';
import { Icon } from '../ui/icon.jsx';
import { pages } from './frame.jsx';

const SHOWN = 12;

const commands = () => [
  ...pages().map(([name, label, icon]) => ({ label, icon, kind: 'Page', run: () => go([name]) })),
  { label: 'New function', icon: 'plus', kind: 'Action', run: () => go(['new']) },
  { label: 'API documentation', icon: 'book', kind: 'Page', run: () => { location.href = '/docs/'; } },
  ...THEMES.map((name) => ({
    label: `Theme: ${name}`, icon: name === 'system' ? 'system_theme' : name, kind: 'Action', run: () => { theme.value = name; },
  })),
  { label: 'Sign out', icon: 'out', kind: 'Action', run: () => signOut().catch(toastProblem) },
];

const ofFunction = ({ id, name, language }) => [
  { label: name, icon: 'functions', kind: word(language), run: () => go(['functions', id]) },
  ...['compare', 'versions', 'invocations', 'metrics'].map((part) => ({
    label: `${name}: ${part}`, icon: 'right', kind: 'Function', minor: true, run: () => go(['functions', id, part]),
  })),
];

export function Palette({ onClose }) {
  const [text, setText] = useState('');
  const [chosen, choose] = useState(0);
  const [functions, setFunctions] = useState([]);
  const list = useRef();

  useEffect(() => {
    const mine = new AbortController();
    const timer = setTimeout(() => {
      api.functions({ q: text.split(':')[0].trim(), limit: 20 }, mine.signal)
        .then(({ items }) => setFunctions(items), () => {});
    }, 80);
    return () => { clearTimeout(timer); mine.abort(); };
  }, [text]);

  const found = useMemo(() => rank([...commands(), ...functions.flatMap(ofFunction)], text).slice(0, SHOWN), [text, functions]);
  const current = Math.min(chosen, found.length - 1);

  const take = (command) => {
    onClose();
    command.run();
  };
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      const next = (current + step + found.length) % found.length;
      choose(next);
      list.current.children[next]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && found[current]) {
      event.preventDefault();
      take(found[current]);
    }
  };

  return (
    <Dialog title="Go to" class="palette" onClose={onClose}>
      <input type="search" role="combobox" aria-label="Page, function or action" aria-expanded="true" aria-controls="palette-list"
        aria-activedescendant={found.length ? `palette-${current}` : undefined} autocomplete="off" autofocus
        placeholder="Page, function or action" value={text} onKeyDown={keys}
        onInput={(event) => { setText(event.currentTarget.value); choose(0); }} />
      <ul id="palette-list" role="listbox" aria-label="Found" ref={list}>
        {found.map((command, i) => (
          <li key={command.label + command.kind} id={`palette-${i}`} role="option" aria-selected={i === current ? 'true' : 'false'}
            onClick={() => take(command)} onPointerMove={() => choose(i)}>
            <Icon name={command.icon} /><bdi>{command.label}</bdi><small>{command.kind}</small>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="hint" role="status">Nothing is called that.</p>}
    </Dialog>
  );
}
