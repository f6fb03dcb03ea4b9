// The code: highlighted and editable as soon as the editor's part of the page is there. A file can be opened or dropped.

import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchOnce } from '../../core/lazy.jsx';
import { bytes } from '../../core/formats.js';
import { languageOfFile } from '../../core/languages.js';
import { toast } from '../../core/toasts.js';
import { Button } from '../../ui/button.jsx';
import { ProblemBox } from '../../ui/parts.jsx';

const editorPart = () => import('./codemirror.js');
const MOST = 1024 * 1024;

async function take(file, onFile) {
  if (file.size > MOST) {
    toast(`${file.name} has ${bytes(file.size)}; a function may have ${bytes(MOST)}`);
    return;
  }
  onFile(await file.text(), languageOfFile(file.name));
  toast(`${file.name} is opened`);
}

/** `replaced` changes when `code` is to replace what is in the editor, and not when it comes from there. */
export function Code({ code, replaced, language, mark, error, onChange, onFile }) {
  const host = useRef();
  const editor = useRef(null);
  const [failed, fail] = useState(null);
  const [ready, setReady] = useState(false);
  const [over, setOver] = useState(false);
  const latest = useRef();
  latest.current = onChange;

  useEffect(() => {
    let here = true;
    Promise.resolve(fetchOnce(editorPart)).then(({ mount }) => {
      if (!here || !host.current) return;
      editor.current = mount(host.current, { code, label: 'Code', onChange: (text) => latest.current(text) });
      setReady(true);
    }, () => here && fail({ title: 'The editor could not be loaded', detail: 'Reload the page; your draft is kept.' }));
    return () => { here = false; editor.current?.end(); };
  }, []);
  useEffect(() => editor.current?.set(code), [replaced, ready]);
  useEffect(() => editor.current?.setLanguage(language), [language, ready]);
  useEffect(() => editor.current?.mark(mark), [mark, ready]);

  // Before CodeMirror, which would put the file's text where it was dropped. Text that is dragged is CodeMirror's.
  const drop = (event) => {
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(false);
    take(file, onFile);
  };
  return (
    <div class={`code ${over ? 'over' : ''}`} onDropCapture={drop} onDragLeave={() => setOver(false)}
      onDragOver={(event) => { if (event.dataTransfer.types.includes('Files')) { event.preventDefault(); setOver(true); } }}>
      <div class="code-bar">
        <span class="mono">{language === 'python' ? 'function.py' : 'function.js'}</span>
        {error && <span class="field-error">{error}</span>}
        <OpenFile onFile={onFile} />
      </div>
      {failed ? <ProblemBox problem={failed} retry={() => location.reload()} /> : <div class="code-host" ref={host}>{!ready && <pre>{code}</pre>}</div>}
    </div>
  );
}

function OpenFile({ onFile }) {
  const input = useRef();
  return (
    <>
      <Button kind="plain" class="small" icon="file" onClick={() => input.current.click()}>Open a file</Button>
      <input ref={input} type="file" hidden accept=".py,.js,.mjs,.cjs,text/*" aria-label="Open a file"
        onChange={(event) => { const [file] = event.currentTarget.files; if (file) take(file, onFile); event.currentTarget.value = ''; }} />
    </>
  );
}
