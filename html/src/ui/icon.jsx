// Line icons on a grid of 24, drawn with the colour of the text around them.

const PATHS = {
  bell: 'M12 5V4m-1.6-1h3.2M4.5 18v-4.5a7.5 7.5 0 0 1 15 0V18M2.5 20h19M8.2 13.8A3.8 3.8 0 0 1 11.3 10',
  functions: 'M14.5 5h-1A3 3 0 0 0 10.6 7.6L8.9 17a2.6 2.6 0 0 1-2.6 2H5.5M7.5 11h6',
  calls: 'M4 6h10M4 12h16M4 18h7',
  chart: 'M4 19V5m0 14h16M8 15l3.5-4 3 2.5L20 7',
  key: 'M14 10a4 4 0 1 0-3.2 3.9L12 15h2v2h2v2h3v-3l-5.3-5.3A4 4 0 0 0 14 10ZM8.5 8.5h.01',
  users: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-6 8a6 6 0 0 1 12 0M16 5.3a3 3 0 0 1 0 5.4M17.5 13.6A6 6 0 0 1 21 19',
  audit: 'M7 3h7l4 4v14H7V3Zm6.5 0v4.5H18M10 12h5m-5 4h5',
  system: 'M4 5h16v5H4V5Zm0 9h16v5H4v-5Zm3.5-6.5h.01m-.01 9h.01',
  book: 'M5 4h10a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3V4Zm0 13a3 3 0 0 1 3-3h10',
  account: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0',
  search: 'M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12Zm4.5-1.5L20 20',
  play: 'M8 5.5v13l10.5-6.5L8 5.5Z',
  edit: 'M5 19h3L18.5 8.5a2.1 2.1 0 0 0-3-3L5 16v3Z',
  copy: 'M9 9V5h10v10h-4M5 9h10v10H5V9Z',
  check: 'M5 12.5 10 17l9-10',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  close: 'M6 6l12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5m3-5v5',
  pause: 'M9 6v12m6-12v12',
  power: 'M12 4v8M7.5 6.8a7 7 0 1 0 9 0',
  menu: 'M4 7h16M4 12h16M4 17h16',
  system_theme: 'M4 5h16v11H4V5Zm5 15h6m-3-4v4',
  light: 'M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM12 3v2m0 14v2m9-9h-2M5 12H3m15.4-6.4L17 7M7 17l-1.4 1.4m12.8 0L17 17M7 7 5.6 5.6',
  dark: 'M19.5 14A7.8 7.8 0 0 1 10 4.5 7.8 7.8 0 1 0 19.5 14Z',
  warn: 'M12 4 2.8 20h18.4L12 4Zm0 6v4.5m0 2.8h.01',
  out: 'M10 5H5v14h5m-1-7h11m-4-4 4 4-4 4',
  compare: 'M7 4v16m0-16L4 7m3-3 3 3m7 13V4m0 16-3-3m3 3 3-3',
  history: 'M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8',
  file: 'M7 3h7l4 4v14H7V3Zm7 0v4h4',
  right: 'M9 6l6 6-6 6',
  refresh: 'M19 12a7 7 0 1 1-2-5l2 2m0-4v4h-4',
};

export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
