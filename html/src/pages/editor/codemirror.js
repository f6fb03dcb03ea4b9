// CodeMirror, set up for this page. It lives in a shadow root: there its styles are adopted style sheets, which a
// strict Content-Security-Policy allows, and not <style> elements, which it does not.

import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

// A language is fetched when there is code of it.
const LANGUAGES = {
  python: () => import('./python.js'),
  javascript: () => import('./javascript.js'),
};
const plain = async () => ({ language: [] });

/** Highlights and indents as `name` wants it, as soon as that is there. */
export function useLanguage(view, compartment, name) {
  (LANGUAGES[name] ?? plain)().then(({ language }) => {
    view.dispatch({ effects: compartment.reconfigure(language) });
  }, () => {}); // without it the code is plain
}

export const look = [
  EditorView.theme({
    '&': { color: 'var(--ink)', backgroundColor: 'transparent', fontSize: '13.5px', height: '100%' },
    '&.cm-focused': { outline: 'none' },
    '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
    '.cm-content': { caretColor: 'var(--accent)', padding: '10px 0' },
    '.cm-line': { padding: '0 12px 0 6px' },
    '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--soft)', border: 'none', paddingLeft: '6px' },
    '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 5%, transparent)' },
    '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
    '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
    '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 22%, transparent)' },
    '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-wash)', outline: '1px solid var(--accent)' },
    '.cm-error-line': { backgroundColor: 'var(--bad-wash)', boxShadow: 'inset 3px 0 var(--bad)' },
    '.cm-collapsedLines': { color: 'var(--soft)', background: 'var(--well)' },
    '.cm-changedLine, .cm-insertedLine': { backgroundColor: 'color-mix(in srgb, var(--good) 6%, transparent) !important' },
    '.cm-deletedChunk, .cm-deletedLine': { backgroundColor: 'color-mix(in srgb, var(--bad) 6%, transparent) !important' },
    '.cm-changedText, .cm-insertedLine .cm-changedText': { background: 'color-mix(in srgb, var(--good) 7%, transparent) !important' },
    '.cm-deletedText, .cm-deletedChunk .cm-deletedText': { background: 'color-mix(in srgb, var(--bad) 7%, transparent) !important' },
  }),
  syntaxHighlighting(HighlightStyle.define([
    { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--code-keyword)' },
    { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--code-string)' },
    { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--code-number)' },
    { tag: [tags.comment, tags.docString], color: 'var(--soft)', fontStyle: 'italic' },
    { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.definition(tags.function(tags.variableName))], color: 'var(--code-function)' },
    { tag: [tags.className, tags.typeName], color: 'var(--code-function)' },
  ])),
];

const setMark = StateEffect.define();
const lineMark = Decoration.line({ class: 'cm-error-line' });
const marks = StateField.define({
  create: () => Decoration.none,
  update(now, change) {
    let next = now.map(change.changes);
    for (const effect of change.effects) {
      if (!effect.is(setMark)) continue;
      const { doc } = change.state;
      next = effect.value && effect.value <= doc.lines ? Decoration.set([lineMark.range(doc.line(effect.value).from)]) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// Where typing replaces a selection, Chromium would keep its look in a style attribute, which the policy blocks and
// complains about. So that is done here.
const replacing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== 'insertText' || !event.data || view.composing || view.state.selection.main.empty) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    return true;
  },
});

/** A root that styles from outside reach only as custom properties. */
export function shadowIn(host) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const place = document.createElement('div');
  place.style.height = '100%';
  root.replaceChildren(place);
  return { root, place };
}

export function mount(host, { code, label, onChange }) {
  const { root, place } = shadowIn(host);
  const languages = new Compartment();
  const state = EditorState.create({
    doc: code,
    extensions: [
      lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(),
      highlightActiveLine(), keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]), languages.of([]), look, marks, replacing,
      EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
      EditorView.updateListener.of((update) => { if (update.docChanged) onChange(update.state.doc.toString()); }),
    ],
  });
  const view = new EditorView({ state, parent: place, root });
  return {
    set(doc) {
      if (doc !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: doc } });
    },
    setLanguage: (name) => useLanguage(view, languages, name),
    mark(line) {
      view.dispatch({ effects: setMark.of(line) });
      if (line && line <= view.state.doc.lines) {
        view.dispatch({ effects: EditorView.scrollIntoView(view.state.doc.line(line).from, { y: 'center' }) });
      }
    },
    focus: () => view.focus(),
    end: () => view.destroy(),
  };
}
