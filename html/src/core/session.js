// Who is signed in. `user` is undefined until that is known, null when nobody is.

import { computed, signal } from '@preact/signals';
import { api, onAnswer } from './api.js';

const me = signal(undefined);
export const user = computed(() => me.value && me.value.user);
export const startProblem = signal(null);
export const may = (scope) => Boolean(me.value?.scopes?.includes(scope));
/** Whether this session was begun with a token: it may not make tokens. */
export const byToken = computed(() => Boolean(me.value?.token_id));
export const isAdmin = computed(() => user.value?.role === 'admin');

/** Whether people may make accounts for themselves: 'open' or 'closed'. */
export const registration = signal('closed');

export async function enter() {
  startProblem.value = null;
  try {
    const auth = await api.auth();
    registration.value = auth.registration;
    me.value = auth.signed_in ? await api.me() : null;
  } catch (problem) {
    if (problem.status === 401) me.value = null;
    else startProblem.value = problem;
  }
}

export async function signIn(credentials) {
  await api.login(credentials);
  me.value = await api.me();
}

/** Makes an account; the answer signs in. */
export async function register(credentials) {
  await api.register(credentials);
  me.value = await api.me();
}

export async function signOut() {
  await api.logout();
  me.value = null;
}

// A session that has ended shows the sign-in form, whatever was asked for.
onAnswer((problem) => {
  if (problem?.status === 401 && me.value) me.value = null;
});
