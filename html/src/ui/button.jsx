import { useRef, useState } from 'preact/hooks';
import { toast, toastProblem } from '../core/toasts.js';
import { Icon } from './icon.jsx';

/**
 * A button whose `onClick` may take a while: it says `busy` meanwhile and cannot be pressed twice. aria-disabled keeps
 * the keyboard's focus, which `disabled` would drop.
 */
export function Button({ kind = 'plain', icon, busy: busyText, working = false, disabled = false, onClick, children, class: extra = '', ...rest }) {
  const [running, setRunning] = useState(false);
  const busy = running || working;
  const press = async (event) => {
    if (busy || disabled) {
      event.preventDefault();
      return;
    }
    const work = onClick?.(event);
    if (!work?.then) return;
    setRunning(true);
    try {
      await work;
    } catch (problem) {
      if (problem.name !== 'AbortError') toastProblem(problem);
    } finally {
      setRunning(false);
    }
  };
  return (
    <button type="button" {...rest} class={`button ${kind} ${extra}`} onClick={press}
      aria-disabled={busy || disabled ? 'true' : undefined} aria-busy={busy ? 'true' : undefined}>
      {icon && <Icon name={icon} />}
      {children && <span>{busy && busyText ? busyText : children}</span>}
    </button>
  );
}

/** A button that is only an icon; its label is what assistive technology and the tooltip say. */
export const IconButton = ({ label, ...rest }) => <Button kind="icon-only" aria-label={label} title={label} {...rest} />;

export async function copyText(text, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text); // no clipboard without TLS or on old browsers
  }
  toast(what);
}

function copyBySelection(text) {
  const area = Object.assign(document.createElement('textarea'), { value: text, className: 'visually-hidden' });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function Copy({ text, label = 'Copy', children }) {
  const [done, setDone] = useState(false);
  const timer = useRef(0);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(false), 1500);
  };
  return children
    ? <Button icon={done ? 'check' : 'copy'} onClick={copy}>{children}</Button>
    : <IconButton class="copy" icon={done ? 'check' : 'copy'} label={label} onClick={copy} />;
}
