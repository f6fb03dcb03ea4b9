// Tokens for programs. A new one is shown once.

import { useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { useResource } from '../../core/resource.js';
import { byToken, may } from '../../core/session.js';
import { toast, toastProblem } from '../../core/toasts.js';
import { Button, Copy } from '../../ui/button.jsx';
import { confirm } from '../../ui/dialog.jsx';
import { byField, Field, Select } from '../../ui/field.jsx';
import { useForm } from '../../ui/form.js';
import { Empty, Loaded, Page, ProblemBox, Scroll, Section, Tag, Time } from '../../ui/parts.jsx';

const SCOPES = [
  ['functions:read', 'see functions'], ['functions:write', 'change functions'], ['invoke', 'run functions'],
  ['metrics:read', 'see calls and metrics'], ['admin', 'administer'],
];
const DAYS = [['', 'Never ends'], ['1', 'Ends in a day'], ['30', 'Ends in 30 days'], ['365', 'Ends in a year']];
const DAY_MS = 86_400_000;

function NewToken({ onMade }) {
  const form = useForm({ name: '', scopes: ['functions:read', 'invoke'], days: '30' }, async ({ name, scopes, days }) => {
    onMade(await api.createToken({
      name: name.trim(), scopes, ...(days ? { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() } : {}),
    }));
  });
  const wrong = byField(form.problem);
  const toggle = (scope) => form.set('scopes', SCOPES.map(([one]) => one).filter((one) => (one === scope ? !form.values.scopes.includes(one) : form.values.scopes.includes(one))));
  return (
    <form class="card narrow" onSubmit={form.submit}>
      <Field label="Name" hint="What will use it: ci, laptop, …" error={wrong.name}><input required maxlength={64} {...form.bind('name')} /></Field>
      <fieldset class="methods">
        <legend>It may</legend>
        {SCOPES.filter(([scope]) => may(scope)).map(([scope, title]) => (
          <label class="check" key={scope}><input type="checkbox" checked={form.values.scopes.includes(scope)} onChange={() => toggle(scope)} /> {title}</label>
        ))}
        {wrong.scopes && <p class="field-error">{wrong.scopes}</p>}
      </fieldset>
      <Field label="Until" error={wrong.expires_at}><Select options={DAYS} value={form.values.days} onChange={(days) => form.set('days', days)} /></Field>
      {form.problem && <ProblemBox problem={form.problem} />}
      <div class="actions"><Button kind="primary" type="submit" working={form.working} busy="Making it…">Make a token</Button></div>
    </form>
  );
}

const Shown = ({ token }) => (
  <div class="note" role="status">
    <div>
      <p><strong>{token.name}</strong> is made. This is the only time it is shown:</p>
      <p class="token"><code>{token.token}</code> <Copy text={token.token} label="Copy the token" /></p>
    </div>
  </div>
);

export function TokensPage() {
  const tokens = useResource((signal) => api.tokens(signal), []);
  const [made, setMade] = useState(null);
  const remove = async (token) => {
    const sure = await confirm({ title: `Delete ${token.name}?`, yes: 'Delete', danger: true, text: 'What uses this token is refused from then on.' });
    if (!sure) return;
    await api.deleteToken(token.id);
    toast(`${token.name} is deleted`);
    tokens.reload();
  };
  return (
    <Page title="Tokens" lead="For programs that call the API or private functions.">
      {made && <Shown token={made} />}
      <Loaded resource={tokens}>
        {({ items }) => (items.length === 0
          ? <Empty title="No tokens yet"><p>Programs sign in with a token: <code>Authorization: Bearer cl_…</code></p></Empty>
          : (
            <Scroll label="Tokens">
              <table>
                <thead><tr><th scope="col">Name</th><th scope="col" class="mid">May</th><th scope="col">Last used</th><th scope="col" class="mid">Ends</th><th scope="col" class="visually-hidden-head"><span>Actions</span></th></tr></thead>
                <tbody>
                  {items.map((token) => (
                    <tr key={token.id}>
                      <td><bdi>{token.name}</bdi></td>
                      <td class="mid"><span class="tags">{token.scopes.map((scope) => <Tag key={scope}>{scope}</Tag>)}</span></td>
                      <td>{token.last_used_at ? <Time at={token.last_used_at} /> : 'never'}</td>
                      <td class="mid">{token.expires_at ? <Time at={token.expires_at} /> : 'never'}</td>
                      <td class="row-actions"><Button class="small" onClick={() => remove(token).catch(toastProblem)} aria-label={`Delete ${token.name}`}>Delete</Button></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          ))}
      </Loaded>
      <Section title="A new token" id="new-token">
        {byToken.value
          ? <p class="note"><span>You signed in by token, and a token cannot make tokens. Set a password under <a href="#/account">Account</a>, then sign in with it.</span></p>
          : <NewToken onMade={(token) => { setMade(token); tokens.reload(); scrollTo(0, 0); }} />}
      </Section>
    </Page>
  );
}
