import { useEffect, useRef } from 'preact/hooks';
import { api } from '../../core/api.js';
import { curl, milliseconds, NONE, percent, plural, word } from '../../core/formats.js';
import { go, href } from '../../core/router.js';
import { may } from '../../core/session.js';
import { toast, toastProblem } from '../../core/toasts.js';
import { copyText } from '../../ui/button.jsx';
import { confirm } from '../../ui/dialog.jsx';
import { Icon } from '../../ui/icon.jsx';
import { Menu } from '../../ui/menu.jsx';
import { pure } from '../../ui/pure.jsx';
import { Status, Tag, Time } from '../../ui/parts.jsx';
import { Sparkline } from '../../ui/sparkline.jsx';

async function toggle(item, onChange) {
  const status = item.status === 'active' ? 'disabled' : 'active';
  const changed = await api.patchFunction(item.id, { status }, item.revision);
  onChange(changed);
  toast(`${item.name} is ${status === 'active' ? 'on' : 'off'}`, {
    action: { label: 'Undo', run: () => toggle(changed, onChange).catch(toastProblem) },
  });
}

async function remove(item, onChange) {
  const sure = await confirm({
    title: `Delete ${item.name}?`, yes: 'Delete', danger: true,
    text: `Its address /fn/${item.route}, its code and all its versions are gone for good.`,
  });
  if (!sure) return;
  await api.deleteFunction(item.id);
  onChange(null);
  toast(`${item.name} is deleted`);
}

function actions(item, onChange) {
  const at = (part) => href(['functions', item.id, part]);
  const write = may('functions:write');
  return [
    { label: 'Edit', icon: 'edit', onClick: () => go(['functions', item.id]) },
    { label: 'Copy curl', icon: 'copy', onClick: () => copyText(curl(item, item.input_example), 'The curl command is copied') },
    { label: 'Compare', icon: 'compare', href: at('compare') },
    { label: 'Invocations', icon: 'calls', href: at('invocations') },
    { label: 'Metrics', icon: 'chart', href: at('metrics') },
    { label: 'Versions', icon: 'history', href: at('versions') },
    write && { label: item.status === 'active' ? 'Disable' : 'Enable', icon: 'power', onClick: () => toggle(item, onChange).catch(toastProblem) },
    write && { label: 'Delete', icon: 'trash', danger: true, onClick: () => remove(item, onChange).catch(toastProblem) },
  ];
}

export const Row = pure(({ item, figures, watch, onChange }) => {
  const { id, name, route, language, runtime, status } = item;
  const row = useRef();
  useEffect(() => watch(row.current), []);
  return (
    <tr ref={row} data-id={id}>
      <th scope="row">
        <a class="name" href={href(['functions', id])}><bdi>{name}</bdi></a>
        {status === 'disabled' && <Tag>disabled</Tag>}
        <span class="route"><span class={`lang ${language}`}>{word(language)}</span><code>/fn/{route}</code></span>
        {figures?.last && <span class="narrow-only"><Status status={figures.last.status} /> <small>p95 {milliseconds(figures.p95)}</small></span>}
      </th>
      <td class="wide">{word(runtime)}</td>
      <td class="mid">{figures?.last ? <><a class="row-link" href={href(['invocations', figures.last.id])} aria-label={`Last call of ${name}: ${word(figures.last.status)}`}><Status status={figures.last.status} /></a> <small><Time at={figures.last.at} /></small></> : <span class="hint">{figures ? 'no calls' : NONE}</span>}</td>
      <td class="number mid">{milliseconds(figures?.p95)}</td>
      <td class="number mid">{percent(figures?.requests ? figures.errorRate : null)}</td>
      <td class="wide"><Sparkline values={figures?.spark} label={`${plural(figures?.requests ?? 0, 'call')} in 24 hours`} /></td>
      <td class="row-actions">
        {may('invoke') && <a class="button plain" href={href(['functions', id], { run: 1 })} aria-label={`Run ${name}`}><Icon name="play" /><span>Run</span></a>}
        <Menu label={`More for ${name}`} items={() => actions(item, (changed) => onChange(id, changed))} />
      </td>
    </tr>
  );
});
