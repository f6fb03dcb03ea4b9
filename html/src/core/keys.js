// Keys that work on the whole page. A letter alone is not one while something is typed.

const typing = (target) => target.closest?.('input, textarea, select, [contenteditable]') || target.shadowRoot;

/** `keys`: {'mod+k': fn, '?': fn}; `mod` is Ctrl or the Mac's Command key. Returns how to stop. */
export function listen(keys, target = document) {
  const hear = (event) => {
    const mod = event.ctrlKey || event.metaKey;
    const name = `${mod ? 'mod+' : ''}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    const act = keys[name];
    if (!act || event.defaultPrevented || event.isComposing || event.altKey) return;
    if (!mod && (typing(event.target) || document.querySelector('dialog[open]'))) return;
    event.preventDefault();
    act(event);
  };
  target.addEventListener('keydown', hear);
  return () => target.removeEventListener('keydown', hear);
}
