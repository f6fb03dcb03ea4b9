// The browser's own dialog: it keeps the focus inside, closes by Escape and gives the focus back.

import { render } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Button, IconButton } from './button.jsx';

export function Dialog({ title, onClose, children, class: extra = '' }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog ref={dialog} class={`dialog ${extra}`} aria-labelledby={id} onClose={onClose}
      onClick={(event) => { if (event.target === dialog.current) onClose(); }}>
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** Asks; resolves to whether the answer was yes. */
export function confirm({ title, text, yes, danger = false }) {
  const place = document.createElement('div');
  document.body.append(place);
  return new Promise((resolve) => {
    const end = (answer) => {
      render(null, place);
      place.remove();
      resolve(answer);
    };
    render(
      <Dialog title={title} onClose={() => end(false)}>
        <p>{text}</p>
        <div class="dialog-foot">
          <Button onClick={() => end(false)}>Cancel</Button>
          <Button kind={danger ? 'danger' : 'primary'} onClick={() => end(true)} autofocus>{yes}</Button>
        </div>
      </Dialog>, place);
  });
}
