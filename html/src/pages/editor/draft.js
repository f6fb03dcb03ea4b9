// What is being edited: the fields as they are typed, what is saved, and what is wrong with them. Kept in the browser
// until it is saved, so that a reload loses nothing.

import { batch, computed, signal } from '@preact/signals';
import { api } from '../../core/api.js';
import { changes, check, DEFAULTS, editable, routeFromName, } from '../../core/fields.js';
import { LANGUAGES } from '../../core/languages.js';
import { recall, remember } from '../../core/storage.js';
import { byField } from '../../ui/field.jsx';

const KEEP_AFTER_MS = 250;

export function createDraft(fn, start = {}) {
  const key = `draft.${fn?.id ?? 'new'}`;
  const initial = fn ? editable(fn) : { ...DEFAULTS, code: LANGUAGES[DEFAULTS.language].starter, ...start };
  const kept = recall(key);
  const usable = kept && Object.keys(kept.fields ?? {}).length > 0 && !(Object.keys(start).length);

  const saved = signal(fn);
  const fields = signal(usable ? { ...initial, ...kept.fields } : initial);
  const restored = signal(usable ? { outdated: Boolean(fn) && kept.revision !== fn.revision } : null);
  const note = signal(usable ? kept.note ?? '' : '');
  const lasting = signal(true);
  const problem = signal(null);
  const touched = signal(new Set(fn ? Object.keys(DEFAULTS) : []));
  const base = computed(() => (saved.value ? editable(saved.value) : initial));
  const changed = computed(() => changes(base.value, fields.value));
  const dirty = computed(() => !saved.value || Object.keys(changed.value).length > 0);
  const wrong = computed(() => check(fields.value));
  const shownErrors = computed(() => ({
    ...Object.fromEntries(Object.entries(wrong.value).filter(([name]) => touched.value.has(name))),
    ...byField(problem.value),
  }));
  // Counts how often the code came from elsewhere than the keyboard: then the editor has to take it over.
  const replaced = signal(0);
  let timer = 0;

  /** Keeps what is not saved, at once. */
  function keepNow() {
    clearTimeout(timer);
    const differing = changes(base.value, fields.value);
    lasting.value = remember(key, Object.keys(differing).length ? { fields: differing, note: note.value, revision: saved.value?.revision } : null);
  }
  function keep() {
    clearTimeout(timer);
    timer = setTimeout(keepNow, KEEP_AFTER_MS);
  }

  function set(name, value) {
    batch(() => {
      const next = { ...fields.value, [name]: value };
      const follows = name === 'name' && !saved.value && fields.value.route === routeFromName(fields.value.name);
      if (follows) next.route = routeFromName(value);
      if (name === 'language' && Object.values(LANGUAGES).some(({ starter }) => starter === fields.value.code)) {
        next.code = LANGUAGES[value].starter;
        replaced.value++;
      }
      fields.value = next;
      touched.value = new Set([...touched.value, name, ...(follows ? ['route'] : [])]);
      if (problem.value) problem.value = null;
    });
    keep();
  }

  /** What the next version is about, in the words of who makes it. */
  function setNote(text) {
    note.value = text;
    keep();
  }

  /** Fields from an example or a file. */
  function fill(values) {
    batch(() => {
      fields.value = { ...fields.value, ...values };
      problem.value = null;
      replaced.value++;
    });
    keep();
  }

  async function save({ overwrite = false } = {}) {
    touched.value = new Set(Object.keys(DEFAULTS));
    if (Object.keys(wrong.value).length) return null;
    if (!dirty.value) return saved.value;
    const sent = fields.value;
    try {
      const said = note.value.trim() ? { note: note.value.trim() } : {};
      const answer = saved.value
        ? await api.patchFunction(saved.value.id, { ...changed.value, ...said }, overwrite ? undefined : saved.value.revision)
        : await api.createFunction({ ...fields.value, ...said, route: fields.value.route.replace(/^\//, '') });
      clearTimeout(timer);
      remember(key, null);
      const typedMeanwhile = Object.entries(fields.value).filter(([name, value]) => value !== sent[name]);
      batch(() => {
        saved.value = answer;
        fields.value = { ...editable(answer), ...Object.fromEntries(typedMeanwhile) };
        note.value = '';
        problem.value = null;
        restored.value = null;
      });
      return answer;
    } catch (failed) {
      problem.value = failed;
      return null;
    }
  }

  /** Back to what is saved. */
  function discard(now = saved.value) {
    clearTimeout(timer);
    remember(key, null);
    batch(() => {
      saved.value = now;
      fields.value = now ? editable(now) : initial;
      note.value = '';
      restored.value = null;
      problem.value = null;
      replaced.value++;
    });
  }

  return { saved, fields, note, replaced, restored, lasting, problem, changed, dirty, wrong, shownErrors, set, setNote, fill, save, discard, keepNow };
}
