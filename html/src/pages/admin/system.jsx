// The health of each part, the pools of containers as they are now, and the settings.

import { api } from '../../core/api.js';
import { bytes, count, milliseconds, plural, word } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { isAdmin } from '../../core/session.js';
import { Fresh, Loaded, Page, Scroll, Section, Skeleton } from '../../ui/parts.jsx';

const EVERY_MS = 2000;

// A part says in its own words what is wrong with it.
const Part = ({ title, ok = true, warn, problem, children }) => (
  <div class="card part">
    <h2>{title} <span class={`status ${ok ? (warn ? 'warn' : 'good') : 'bad'}`}>{ok ? (warn ? 'strained' : 'works') : 'does not work'}</span></h2>
    <p class="hint">{problem ?? children}</p>
  </div>
);

const waiting = ({ records, bytes: size, oldest_ms: oldest }) => (records === 0 ? 'Every record is in the database'
  : `${plural(records, 'record')} (${bytes(size)}) on their way, the oldest since ${milliseconds(oldest)}`);

const ENGINES = [['engine', 'Engine', 'Makes the containers'], ['docker', 'Docker', 'Runs functions'], ['gvisor', 'gVisor', 'Runs functions in a sandbox']];

function Parts({ health }) {
  const { database, journal, keeper } = health;
  return (
    <div class="parts">
      <Part title="API">It gave these answers</Part>
      {database && <Part title="Database" {...database}>{count(database.in_use)} of {plural(database.connections, 'connection')} in use</Part>}
      {journal && <Part title="Journal" {...journal} warn={journal.set_aside > 0}>{waiting(journal)}</Part>}
      {keeper && <Part title="Keeper" {...keeper} warn={keeper.queued > 0}>{count(keeper.cells)} of {plural(keeper.max_cells, 'cell')}, {plural(keeper.queued, 'call')} waiting</Part>}
      {ENGINES.map(([name, title, says]) => health[name] && <Part key={name} title={title} {...health[name]}>{says}</Part>)}
    </div>
  );
}

const KINDS = [['leased', 'in use'], ['idle', 'kept'], ['prepared', 'prepared'], ['ready', 'ready'], ['creating', 'being made']];

const Pools = ({ pools }) => (
  <Scroll label="Table of pools">
    <table>
      <thead><tr><th scope="col">Pool</th>{KINDS.map(([kind, title]) => <th key={kind} scope="col" class="number">{title}</th>)}</tr></thead>
      <tbody>
        {pools.map((pool) => (
          <tr key={pool.language + pool.runtime}>
            <td>{word(pool.language)} on {word(pool.runtime)} {!pool.available && <span class="status warn">not on this machine</span>}</td>
            {KINDS.map(([kind]) => <td key={kind} class="number">{count(pool[kind])}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

const shown = (value) => (value === null || value === '' ? '–' : String(value));

function Settings() {
  const settings = useResource((signal) => api.settings(signal), []);
  return (
    <Section title="Settings" id="settings">
      <Loaded resource={settings} skeleton={<Skeleton rows={8} height={40} />}>
        {({ items }) => (
          <Scroll label="Table of settings">
            <table>
              <thead><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col" class="mid">From</th><th scope="col" class="wide">Meaning</th></tr></thead>
              <tbody>
                {items.map((setting) => (
                  <tr key={setting.name}>
                    <th scope="row"><code>{setting.name}</code></th>
                    <td><code>{shown(setting.value)}</code> <small>{setting.unit}</small></td>
                    <td class="mid">{setting.source}</td>
                    <td class="wide hint">{setting.help}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
    </Section>
  );
}

export function SystemPage() {
  const health = useResource((signal) => api.health(signal), [], { every: EVERY_MS });
  return (
    <Page title="System" lead={<Fresh resource={health} />}>
      <Loaded resource={health}>
        {(it) => (
          <>
            <Parts health={it} />
            {it.keeper?.pools && <Section title="Containers now" id="pools"><Pools pools={it.keeper.pools} /></Section>}
          </>
        )}
      </Loaded>
      {isAdmin.value && <Settings />}
    </Page>
  );
}
