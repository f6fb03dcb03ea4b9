// One clock for all relative times of the page: they are drawn anew while someone looks.

import { effect, signal } from '@preact/signals';
import { visible } from '../core/alive.js';

const tick = signal(0);
effect(() => {
  if (!visible.value) return undefined;
  tick.value = Date.now();
  const timer = setInterval(() => { tick.value = Date.now(); }, 5000);
  return () => clearInterval(timer);
});

export const useTick = () => tick.value;
