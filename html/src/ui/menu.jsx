// A button that opens a list of actions. The popover is the browser's: light to dismiss, above everything else.

import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { IconButton } from './button.jsx';
import { Icon } from './icon.jsx';

const GAP = 6;

function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight;
  menu.style.left = `${Math.max(GAP, Math.min(at.right - width, innerWidth - width - GAP))}px`;
  menu.style.top = `${Math.max(GAP, below ? at.bottom + GAP : at.top - height - GAP)}px`;
}

/**
 * What it offers is made when it opens, so that a list of hundreds of them stays light. `items()`: [{label, icon, onClick, href, danger}]
 *
 * The first entry has the focus as the list appears (autofocus), and not a moment later: the next key may come at once.
 */
export function Menu({ label, items }) {
  const id = useId();
  const menu = useRef();
  const entries = () => [...menu.current.querySelectorAll('[role=menuitem]')];

  const [open, setOpen] = useState(false);

  useEffect(() => {
    if (!open) return;
    place(menu.current, menu.current.previousElementSibling);
  }, [open]);
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Tab') menu.current.hidePopover();
    if (!step) return;
    event.preventDefault();
    const all = entries();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  };
  const choose = (act) => () => {
    menu.current.hidePopover();
    act?.();
  };

  return (
    <>
      <IconButton icon="more" label={label} popovertarget={id} aria-haspopup="menu" />
      <div ref={menu} id={id} popover="auto" role="menu" class="menu" aria-label={label} onBeforeToggle={(event) => setOpen(event.newState === 'open')} onKeyDown={move}>
        {open && items().filter(Boolean).map(({ label: text, icon, onClick, href, danger }, at) => (href
          ? <a key={text} role="menuitem" autofocus={at === 0} href={href} onClick={choose()}><Icon name={icon} />{text}</a>
          : <button key={text} type="button" role="menuitem" autofocus={at === 0} class={danger ? 'danger' : ''} onClick={choose(onClick)}><Icon name={icon} />{text}</button>))}
      </div>
    </>
  );
}
