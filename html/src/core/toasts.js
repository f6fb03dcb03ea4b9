// Short messages that come and go; one with an action stays longer, one about a failure until it is closed.

import { signal } from '@preact/signals';

export const toasts = signal([]);
let next = 1;

export function dismiss(id) {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function toast(text, { action = null, problem = null } = {}) {
  const id = next++;
  toasts.value = [...toasts.value.slice(-2), { id, text, action, problem }];
  if (!problem) setTimeout(() => dismiss(id), action ? 8000 : 4000);
}

export const toastProblem = (problem) => toast(problem.title, { problem });
