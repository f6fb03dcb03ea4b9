// Oneself: the password, and where one is signed in.

import { useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { exactTime } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { enter, user } from '../../core/session.js';
import { toast } from '../../core/toasts.js';
import { Button } from '../../ui/button.jsx';
import { byField, Field } from '../../ui/field.jsx';
import { Loaded, Page, ProblemBox, Scroll, Section, Tag, Time } from '../../ui/parts.jsx';
import { useForm } from '../../ui/form.js';

function Password() {
  const has = user.value.has_password;
  const form = useForm({ current_password: '', password: '' }, async ({ current_password: current, password }) => {
    await api.setPassword(has ? { current_password: current, password } : { password });
    toast(has ? 'The password is changed' : 'The password is set');
    await enter();
  });
  const wrong = byField(form.problem);
  return (
    <Section title={has ? 'Password' : 'Set a password'} id="password">
      {!has && <p class="note">You signed in by token. With a password you can sign in without it, from any browser.</p>}
      <form class="card narrow" onSubmit={form.submit}>
        {has && (
          <Field label="Current password" error={wrong.current_password}>
            <input type="password" required autocomplete="current-password" {...form.bind('current_password')} />
          </Field>
        )}
        <Field label="New password" error={wrong.password} hint="Any long phrase will do.">
          <input type="password" required autocomplete="new-password" {...form.bind('password')} />
        </Field>
        {form.problem && <ProblemBox problem={form.problem} />}
        <div class="actions"><Button kind="primary" type="submit" working={form.working} busy="Saving…">{has ? 'Change it' : 'Set it'}</Button></div>
      </form>
    </Section>
  );
}

// "Firefox on Linux" is all most people want of a user agent.
function browserOf(agent) {
  const name = agent.match(/(Edg|OPR|Firefox|Chrome|Safari|curl)[A-Za-z]*\//)?.[1];
  const system = agent.match(/(Windows|Mac OS|Android|iPhone|iPad|Linux)/)?.[1];
  return [{ Edg: 'Edge', OPR: 'Opera' }[name] ?? name ?? 'A program', system].filter(Boolean).join(' on ');
}

function Sessions() {
  const sessions = useResource((signal) => api.sessions(signal), []);
  const [ended, end] = useState([]);
  const stop = (session) => async () => {
    await api.endSession(session.id);
    if (session.current) location.reload();
    end([...ended, session.id]);
  };
  return (
    <Section title="Where you are signed in" id="sessions">
      <Loaded resource={sessions}>
        {({ items }) => (
          <Scroll label="Sessions">
            <table>
              <thead><tr><th scope="col">Browser</th><th scope="col" class="mid">From</th><th scope="col">Last used</th><th scope="col" class="mid">Until</th><th scope="col" class="visually-hidden-head"><span>Actions</span></th></tr></thead>
              <tbody>
                {items.filter(({ id }) => !ended.includes(id)).map((session) => (
                  <tr key={session.id}>
                    <td title={session.user_agent}>{browserOf(session.user_agent ?? '')} {session.current && <Tag>this one</Tag>}</td>
                    <td class="mid"><code>{session.address}</code></td>
                    <td><Time at={session.last_used_at} /></td>
                    <td class="mid">{exactTime(session.expires_at)}</td>
                    <td class="row-actions"><Button class="small" onClick={stop(session)}>End</Button></td>
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

export const AccountPage = () => (
  <Page title="Account" lead={<><bdi>{user.value.username}</bdi> · {user.value.role}</>}>
    <Password />
    <Sessions />
  </Page>
);
