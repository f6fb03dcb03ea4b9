// Light, dark, or as the system says.

import { effect, signal } from '@preact/signals';
import { recall, remember } from './storage.js';

export const THEMES = ['system', 'light', 'dark'];
const kept = recall('theme', 'system');
export const theme = signal(THEMES.includes(kept) ? kept : 'system');

effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  remember('theme', theme.value === 'system' ? null : theme.value);
});

export const nextTheme = () => {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
};
