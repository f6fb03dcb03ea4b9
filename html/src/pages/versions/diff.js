// Two versions of the code as one text with what was added and taken away; in a shadow root, see editor/codemirror.js.

import { unifiedMergeView } from '@codemirror/merge';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';
import { look, shadowIn, useLanguage } from '../editor/codemirror.js';

export function mountDiff(host, { before, after, language, label }) {
  const { root, place } = shadowIn(host);
  const languages = new Compartment();
  const view = new EditorView({
    parent: place,
    root,
    state: EditorState.create({
      doc: after,
      extensions: [
        lineNumbers(), EditorState.readOnly.of(true), languages.of([]), look,
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
        unifiedMergeView({ original: before, mergeControls: false, highlightChanges: true, gutter: true, collapseUnchanged: { margin: 4, minSize: 8 } }),
      ],
    }),
  });
  useLanguage(view, languages, language);
  return () => view.destroy();
}
