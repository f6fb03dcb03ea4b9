// The command palette and the list of keys; both are fetched when they are first opened.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { listen } from '../core/keys.js';
import { useFetched } from '../core/lazy.jsx';
import { go } from '../core/router.js';

const open = signal(null);
export const openPalette = () => { open.value = 'palette'; };
export const openKeys = () => { open.value = 'keys'; };
const close = () => { open.value = null; };

const PARTS = {
  palette: () => import('./palette.jsx').then((part) => part.Palette),
  keys: () => import('./key-list.jsx').then((part) => part.KeyList),
};

function Overlay({ name }) {
  const Part = useFetched(PARTS[name]);
  return Part && <Part onClose={close} />;
}

export function Overlays() {
  useEffect(() => listen({
    'mod+k': openPalette,
    '?': openKeys,
    n: () => go(['new']),
    '/': () => (document.querySelector('main input[type=search]') ? document.querySelector('main input[type=search]').focus() : openPalette()),
  }), []);
  return open.value && <Overlay key={open.value} name={open.value} />;
}
