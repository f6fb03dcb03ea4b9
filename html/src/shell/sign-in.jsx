// Sign in by name and password or by token, or make an account. A new installation says where its token lies.

import { useState } from 'preact/hooks';
import { register, registration, signIn } from '../core/session.js';
import { Button } from '../ui/button.jsx';
import { byField, Choice, Field } from '../ui/field.jsx';
import { Icon } from '../ui/icon.jsx';
import { ProblemBox } from '../ui/parts.jsx';

const ways = () => [['password', 'Password'], ['token', 'Token'], ...(registration.value === 'open' ? [['register', 'Register']] : [])];
const SAYS = { password: 'Sign in', token: 'Sign in', register: 'Create the account' };

const Glass = () => (
  <svg class="bell" viewBox="0 0 240 190" aria-hidden="true">
    <path class="glass" d="M40 160v-38a80 80 0 0 1 160 0v38Z" />
    <path class="line" d="M120 42V28m-12-6h24M40 160v-38a80 80 0 0 1 160 0v38M16 172h208" />
    <path class="shine" d="M62 126a58 58 0 0 1 40-58" />
    <path class="plant" d="M120 160v-44m0 14c-14 0-22-8-23-22 14 0 22 8 23 22Zm0-12c0-13 8-21 22-22 0 14-8 21-22 22Z" />
  </svg>
);

const Secret = ({ value, onInput, ...rest }) => (
  <input type="password" required value={value} onInput={(event) => onInput(event.currentTarget.value)} {...rest} />
);

export function SignIn() {
  const [way, setWay] = useState('password');
  const [fields, setFields] = useState({ username: '', password: '', token: '' });
  const [problem, setProblem] = useState(null);
  const [working, setWorking] = useState(false);
  const set = (name) => (value) => setFields((now) => ({ ...now, [name]: value }));
  const wrong = byField(problem);

  const submit = async (event) => {
    event.preventDefault();
    if (working) return;
    setWorking(true);
    setProblem(null);
    const { username, password, token } = fields;
    try {
      if (way === 'register') await register({ username: username.trim(), password });
      else await signIn(way === 'token' ? { token: token.trim() } : { username: username.trim(), password });
    } catch (failed) {
      setProblem(failed);
      setWorking(false);
    }
  };

  return (
    <main class="sign-in">
      <div class="sign-in-art"><Glass /></div>
      <form class="card" onSubmit={submit} aria-labelledby="sign-in-title">
        <div class="sign-in-head">
          <Icon name="bell" />
          <h1 id="sign-in-title">Cloche</h1>
          <p class="lead">Functions under glass</p>
        </div>
        <Choice label="How to sign in" quiet options={ways()} value={way} onChange={(next) => { setWay(next); setProblem(null); }} />
        {way === 'token' ? (
          <Field label="Token" error={wrong.token}>
            <Secret value={fields.token} onInput={set('token')} autocomplete="off" spellcheck={false} />
          </Field>
        ) : (
          <>
            <Field label="Username" error={wrong.username}>
              <input required value={fields.username} autocomplete="username" autocapitalize="none" spellcheck={false}
                onInput={(event) => set('username')(event.currentTarget.value)} />
            </Field>
            <Field label="Password" error={wrong.password} hint={way === 'register' ? 'Any long phrase will do.' : undefined}>
              <Secret value={fields.password} onInput={set('password')} autocomplete={way === 'register' ? 'new-password' : 'current-password'} />
            </Field>
          </>
        )}
        {problem && <ProblemBox problem={problem} />}
        <Button kind="primary" type="submit" working={working} busy="One moment…">{SAYS[way]}</Button>
        <p class="hint">
          First time here? The administrator’s token lies on the server, where <code class="inline">make up</code> said; if not told otherwise:
          <code>sudo cat /var/lib/cloche/admin.token</code>
          Sign in with it; you are then asked for a password of your own.
        </p>
      </form>
    </main>
  );
}
