import { dismiss, toasts } from '../core/toasts.js';
import { IconButton } from './button.jsx';

function Toast({ id, text, action, problem }) {
  return (
    <div class={`toast ${problem ? 'bad' : ''}`}>
      <div>
        <p>{text}</p>
        {problem?.detail && <p class="hint">{problem.detail}</p>}
        {problem?.errors?.map(({ field, message }) => <p class="hint" key={field}>{field} {message}</p>)}
        {problem?.requestId && <p class="hint">Request <code>{problem.requestId}</code></p>}
      </div>
      {action && <button type="button" class="button plain" onClick={() => { dismiss(id); action.run(); }}>{action.label}</button>}
      <IconButton icon="close" label="Dismiss" onClick={() => dismiss(id)} />
    </div>
  );
}

export const Toasts = () => (
  <div class="toasts" role="status">{toasts.value.map((toast) => <Toast key={toast.id} {...toast} />)}</div>
);
