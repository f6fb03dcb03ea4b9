// Whether Cloche answers and can work. Asked for every few seconds while the page is looked at, often enough that nobody
// reads old figures for five seconds without being told; every call that fails tells, too.

import { computed, effect, signal } from '@preact/signals';
import { api, onAnswer } from './api.js';

const EVERY_MS = 2000;
const SILENT = 'Cloche does not answer.';

/** What is wrong, in a sentence; null while all is well. Only a good report of its health ends it. */
export const trouble = signal(null);
export const alive = computed(() => trouble.value === null);
export const visible = signal(!document.hidden);

document.addEventListener('visibilitychange', () => { visible.value = !document.hidden; });

const isAway = (problem) => problem && (problem.status === 0 || problem.code === 'unavailable' || [502, 504].includes(problem.status));
onAnswer((problem) => { if (isAway(problem) && !trouble.value) trouble.value = SILENT; });

async function ask() {
  try {
    const { status, problems = [] } = await api.health();
    const works = ['ok', 'degraded'].includes(status);
    trouble.value = works ? null : problems.length ? `Cloche cannot work just now: ${problems.join('; ')}.` : SILENT;
  } catch {
    trouble.value = SILENT;
  }
}

/** Begins with the first pause: what a page asks for at its start tells enough. */
export function watchHealth() {
  let began = false;
  return effect(() => {
    if (!visible.value) return undefined;
    if (began) ask();
    began = true;
    const timer = setInterval(ask, EVERY_MS);
    return () => clearInterval(timer);
  });
}
