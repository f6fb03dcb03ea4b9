// What stands around every page: the navigation, the theme, who is signed in.

import { useEffect, useState } from 'preact/hooks';
import { href, route } from '../core/router.js';
import { isAdmin, signOut, user } from '../core/session.js';
import { nextTheme, theme } from '../core/theme.js';
import { IconButton } from '../ui/button.jsx';
import { Icon } from '../ui/icon.jsx';
import { openKeys, openPalette } from './overlays.jsx';

const PAGES = [
  ['functions', 'Functions', 'functions'],
  ['invocations', 'Invocations', 'calls'],
  ['metrics', 'Metrics', 'chart'],
  ['tokens', 'Tokens', 'key'],
];
const ADMIN = [
  ['users', 'Users', 'users'],
  ['audit', 'Audit', 'audit'],
];
const LAST = [['system', 'System', 'system']];

export const pages = () => [...PAGES, ...(isAdmin.value ? ADMIN : []), ...LAST, ['account', 'Account', 'account']];

const isCurrent = (name) => {
  const [first = 'functions'] = route.value.segments;
  return first === name || (first === 'new' && name === 'functions');
};

const NavLink = ({ name, label, icon }) => (
  <a href={href([name])} aria-current={isCurrent(name) ? 'page' : undefined}><Icon name={icon} />{label}</a>
);

export const Brand = () => (
  <a class="brand" href="#/"><Icon name="bell" /><span>Cloche</span></a>
);

function Side() {
  return (
    <>
      <button type="button" class="search-open" onClick={openPalette}>
        <Icon name="search" /><span>Go to…</span><kbd>Ctrl K</kbd>
      </button>
      <nav aria-label="Main">
        {PAGES.map(([name, label, icon]) => <NavLink key={name} {...{ name, label, icon }} />)}
        {isAdmin.value && ADMIN.map(([name, label, icon]) => <NavLink key={name} {...{ name, label, icon }} />)}
        {LAST.map(([name, label, icon]) => <NavLink key={name} {...{ name, label, icon }} />)}
        <a href="/docs/"><Icon name="book" />API</a>
      </nav>
      <div class="side-foot">
        <a class="who" href="#/account" aria-current={isCurrent('account') ? 'page' : undefined}>
          <span class="avatar" aria-hidden="true">{user.value.username.slice(0, 1)}</span>
          <span><bdi>{user.value.username}</bdi><small>{user.value.role}</small></span>
        </a>
        <div class="side-tools">
          <IconButton icon={theme.value === 'system' ? 'system_theme' : theme.value} label={`Theme: ${theme.value}`} onClick={nextTheme} />
          <button type="button" class="button icon-only" aria-label="Keys" title="Keys" onClick={openKeys}>?</button>
          <IconButton icon="out" label="Sign out" onClick={signOut} />
        </div>
      </div>
    </>
  );
}

export function Frame({ children }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [route.value]);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main').focus(); }}>Skip to the page</a>
      <header class={`side ${open ? 'open' : ''}`}>
        <div class="side-head">
          <Brand />
          <IconButton class="side-toggle" icon={open ? 'close' : 'menu'} label="Menu" aria-expanded={open} onClick={() => setOpen(!open)} />
        </div>
        <div class="side-body"><Side /></div>
      </header>
      {children}
    </div>
  );
}
