import { render } from 'preact';
import './core/theme.js';
import { App } from './app.jsx';
import { watchHealth } from './core/alive.js';
import { fetchOnce } from './core/lazy.jsx';
import { route } from './core/router.js';
import { enter } from './core/session.js';
import { pageOf } from './routes.js';

render(<App />, document.getElementById('app'));
enter();
watchHealth();
Promise.resolve(fetchOnce(pageOf(route.value.segments).view)).catch(() => {}); // told where it is shown
