// The versions of a function: who changed what and when, how the code differs, and the way back.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { bytes } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { setQuery } from '../../core/router.js';
import { createRun } from '../../core/run.js';
import { may } from '../../core/session.js';
import { toast } from '../../core/toasts.js';
import { Button } from '../../ui/button.jsx';
import { confirm } from '../../ui/dialog.jsx';
import { Select } from '../../ui/field.jsx';
import { FunctionHead } from '../../ui/function-head.jsx';
import { Loaded, Skeleton, Time } from '../../ui/parts.jsx';
import { useInput } from '../editor/inputs.jsx';
import { RunPane } from '../editor/run.jsx';
import { Diff } from './diff.jsx';

const AT_ONCE = 50;

export function VersionsPage({ id, query }) {
  const data = useResource(async (signal) => {
    const [fn, versions] = await Promise.all([api.function(id, signal), api.versions(id, { limit: AT_ONCE }, signal)]);
    return { fn, versions };
  }, [id]);
  return (
    <div class="page">
      <Loaded resource={data} skeleton={<><Skeleton rows={1} height={96} /><Skeleton rows={5} height={52} /></>}>
        {({ fn, versions }) => (
          <>
            <FunctionHead fn={fn} />
            <Versions fn={fn} page={versions} query={query} reload={data.reload}
              onOlder={async () => {
                const more = await api.versions(id, { limit: AT_ONCE, cursor: versions.next });
                data.update({ fn, versions: { items: [...versions.items, ...more.items], next: more.next } });
              }} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function Change({ item }) {
  const { lines_added: added, lines_removed: removed, changed } = item;
  const settings = (changed ?? []).filter((name) => name !== 'code' && name !== 'note');
  return (
    <span class="change">
      {added > 0 && <span class="added">+{added}</span>}
      {removed > 0 && <span class="removed">−{removed}</span>}
      {settings.length > 0 && <span>{settings.join(', ')}</span>}
    </span>
  );
}

function Versions({ fn, page, query, reload, onOlder }) {
  const shown = Number(query.show) || fn.version;
  const against = Number(query.against) || Math.max(1, shown - 1);
  const rollBack = async (version) => {
    const sure = await confirm({
      title: `Go back to version ${version}?`, yes: 'Roll back',
      text: `Code and settings of version ${version} become version ${fn.version + 1}, which answers from then on. Nothing is lost.`,
    });
    if (!sure) return;
    const now = await api.rollback(fn.id, version);
    toast(`Version ${now.version} is what version ${version} was`);
    setQuery({ show: null, against: null });
    reload();
  };
  return (
    <div class="split versions-split">
      <ol class="versions card">
        {page.items.map((item) => (
          <li key={item.version} class={item.version === shown ? 'shown' : ''}>
            <button type="button" aria-pressed={item.version === shown ? 'true' : 'false'} onClick={() => setQuery({ show: item.version, against: null })}>
              <span class="version-number">{item.version}</span>
              <span class="version-what"><span>{item.note || <Change item={item} />}{item.note && <Change item={item} />}</span>
                <small><bdi>{item.author}</bdi> · <Time at={item.created_at} /> · {bytes(item.code_bytes)}</small></span>
            </button>
            {item.version === fn.version
              ? <span class="status ok">live</span>
              : may('functions:write') && <Button class="small" onClick={() => rollBack(item.version)} aria-label={`Roll back to version ${item.version}`}>Roll back</Button>}
          </li>
        ))}
        {page.next && <li class="more"><Button onClick={onOlder} busy="Loading…">Show older</Button></li>}
      </ol>
      <Version key={`${shown}-${against}`} fn={fn} shown={shown} against={against} items={page.items} />
    </div>
  );
}

function Version({ fn, shown, against, items }) {
  const both = useResource(async (signal) => {
    const [after, before] = await Promise.all([api.version(fn.id, shown, signal), against === shown ? null : api.version(fn.id, against, signal)]);
    return { after, before };
  }, [fn.id, shown, against]);
  const others = items.filter(({ version }) => version !== shown).map(({ version }) => [String(version), `version ${version}`]);
  return (
    <div class="stack-of-cards">
      <section class="card result" aria-label="Difference">
        <div class="section-head">
          <h2>Version {shown}</h2>
          {others.length > 0 && (
            <label class="against">compared with{' '}
              <Select options={others} value={String(against)} onChange={(value) => setQuery({ show: shown, against: value })} />
            </label>
          )}
        </div>
        <Loaded resource={both} skeleton={<Skeleton rows={8} height={20} />}>
          {({ after, before }) => <Difference before={before} after={after} />}
        </Loaded>
      </section>
      {may('invoke') && <RunVersion fn={fn} version={shown} />}
    </div>
  );
}

const shows = (value) => (typeof value === 'string' ? value || '–' : JSON.stringify(value));
const NOT_SETTINGS = ['version', 'author', 'created_at', 'changed', 'lines_added', 'lines_removed', 'code_bytes', 'code', 'note'];

function Difference({ before, after }) {
  const settings = before ? Object.keys(after).filter((key) => !NOT_SETTINGS.includes(key) && shows(before[key]) !== shows(after[key])) : [];
  return (
    <>
      {settings.length > 0 && (
        <dl class="facts">{settings.map((key) => [
          <dt key={key}>{key}</dt>, <dd key={`${key} value`}><del>{shows(before[key])}</del> → <ins>{shows(after[key])}</ins></dd>,
        ])}</dl>
      )}
      {before && before.code === after.code && <p class="hint">The code is the same.</p>}
      <Diff before={before?.code ?? after.code} after={after.code} language={after.language} label={`Code of version ${after.version}`} />
    </>
  );
}

// Any version, with any input; the live one goes on as it is.
function RunVersion({ fn, version }) {
  const [run] = useState(createRun);
  const input = useInput(fn.id, fn.input_example);
  useEffect(() => () => run.clear(), []);
  const start = () => {
    const given = input.request();
    if (given) run.start(fn, { ...given, version });
  };
  return <RunPane {...{ fn, run, input }} label={`Run version ${version}`} onRun={start} />;
}
