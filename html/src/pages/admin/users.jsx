// Accounts: who there is, what they may do.

import { useState } from 'preact/hooks';
import { api } from '../../core/api.js';
import { count } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { user as me } from '../../core/session.js';
import { toast, toastProblem } from '../../core/toasts.js';
import { Button } from '../../ui/button.jsx';
import { Dialog } from '../../ui/dialog.jsx';
import { byField, Field, Select } from '../../ui/field.jsx';
import { useForm } from '../../ui/form.js';
import { Loaded, Page, ProblemBox, Scroll, Tag, Time } from '../../ui/parts.jsx';

const ROLES = [['developer', 'Developer: own functions'], ['viewer', 'Viewer: sees everything'], ['admin', 'Admin: everything']];

function NewUser({ onClose, onMade }) {
  const form = useForm({ username: '', password: '', role: 'developer' }, async (values) => onMade(await api.createUser(values)));
  const wrong = byField(form.problem);
  return (
    <Dialog title="New account" onClose={onClose}>
      <form class="dialog-form" onSubmit={form.submit}>
        <Field label="Username" error={wrong.username}><input required autocomplete="off" autocapitalize="none" {...form.bind('username')} /></Field>
        <Field label="Password" error={wrong.password} hint="They can change it under Account."><input type="password" required autocomplete="new-password" {...form.bind('password')} /></Field>
        <Field label="Role" error={wrong.role}><Select options={ROLES} value={form.values.role} onChange={(role) => form.set('role', role)} /></Field>
        {form.problem && <ProblemBox problem={form.problem} />}
        <div class="dialog-foot"><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" working={form.working}>Create</Button></div>
      </form>
    </Dialog>
  );
}

function NewPassword({ user, onClose }) {
  const form = useForm({ password: '' }, async (values) => {
    await api.patchUser(user.id, values);
    toast(`${user.username} has a new password`);
    onClose();
  });
  return (
    <Dialog title={`A new password for ${user.username}`} onClose={onClose}>
      <form class="dialog-form" onSubmit={form.submit}>
        <Field label="Password" error={byField(form.problem).password}><input type="password" required autocomplete="new-password" {...form.bind('password')} /></Field>
        {form.problem && <ProblemBox problem={form.problem} />}
        <div class="dialog-foot"><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" working={form.working}>Set it</Button></div>
      </form>
    </Dialog>
  );
}

function Account({ user, onChange, onPassword }) {
  const self = user.id === me.value.id;
  const change = (body, says) => async () => {
    onChange({ ...user, ...(await api.patchUser(user.id, body)) });
    toast(says);
  };
  return (
    <tr>
      <td><bdi>{user.username}</bdi> {self && <Tag>you</Tag>} {user.disabled && <Tag>disabled</Tag>}</td>
      <td>
        <Select aria-label={`Role of ${user.username}`} options={ROLES.map(([role]) => [role, role])} value={user.role} disabled={self}
          onChange={(role) => change({ role }, `${user.username} is ${role} now`)().catch(toastProblem)} />
      </td>
      <td class="number mid">{count(user.functions)}</td>
      <td class="mid"><Time at={user.created_at} /></td>
      <td class="row-actions">
        <Button class="small" onClick={onPassword} aria-label={`New password for ${user.username}`}>Password</Button>{' '}
        {!self && <Button class="small" onClick={change({ disabled: !user.disabled }, `${user.username} is ${user.disabled ? 'let in again' : 'locked out'}`)}
          aria-label={`${user.disabled ? 'Enable' : 'Disable'} ${user.username}`}>{user.disabled ? 'Enable' : 'Disable'}</Button>}
      </td>
    </tr>
  );
}

export function UsersPage() {
  const users = useResource((signal) => api.users({ limit: 100 }, signal), []);
  const [dialog, open] = useState(null);
  const close = () => open(null);
  return (
    <Page title="Users" actions={<Button kind="primary" icon="plus" onClick={() => open({ kind: 'new' })}>New account</Button>}>
      <Loaded resource={users}>
        {(page) => (
          <Scroll label="Users">
            <table>
              <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col" class="number mid">Functions</th><th scope="col" class="mid">Since</th><th scope="col" class="visually-hidden-head"><span>Actions</span></th></tr></thead>
              <tbody>
                {page.items.map((user) => (
                  <Account key={user.id} user={user} onPassword={() => open({ kind: 'password', user })}
                    onChange={(changed) => users.update({ ...page, items: page.items.map((one) => (one.id === changed.id ? changed : one)) })} />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
      {dialog?.kind === 'new' && <NewUser onClose={close} onMade={(made) => { close(); toast(`${made.username} has an account`); users.reload(); }} />}
      {dialog?.kind === 'password' && <NewPassword user={dialog.user} onClose={close} />}
    </Page>
  );
}
