// Who changed what, when and from where.

import { api } from '../../core/api.js';
import { NONE } from '../../core/formats.js';
import { useResource } from '../../core/resource.js';
import { setQuery } from '../../core/router.js';
import { Button } from '../../ui/button.jsx';
import { Select } from '../../ui/field.jsx';
import { Empty, Loaded, Page, Scroll, Skeleton, Time } from '../../ui/parts.jsx';

const ACTIONS = ['register', 'login', 'login.failed', 'logout', 'password.change', 'session.delete', 'token.create', 'token.delete',
  'user.create', 'user.update', 'function.create', 'function.update', 'function.rollback', 'function.delete'];
const OPTIONS = [['', 'Any action'], ...ACTIONS.map((action) => [action, action])];
const AT_ONCE = 100;

export function AuditPage({ query }) {
  const { action } = query;
  const lines = useResource((signal) => api.audit({ action, limit: AT_ONCE }, signal), [action]);
  const older = async () => {
    const more = await api.audit({ action, limit: AT_ONCE, cursor: lines.data.next });
    lines.update({ items: [...lines.data.items, ...more.items], next: more.next });
  };
  return (
    <Page title="Audit" lead="Who changed what, when and from where.">
      <div class="filters"><Select aria-label="Action" options={OPTIONS} value={action ?? ''} onChange={(value) => setQuery({ action: value })} /></div>
      <Loaded resource={lines} skeleton={<Skeleton rows={10} height={40} />}>
        {({ items, next }) => (items.length === 0
          ? <Empty title="Nothing of that kind"><p>Actions show here as they happen.</p></Empty>
          : (
            <>
              <Scroll label="Audit">
                <table>
                  <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Action</th><th scope="col">What</th><th scope="col" class="mid">From</th></tr></thead>
                  <tbody>
                    {items.map((line) => (
                      <tr key={line.id}>
                        <td class="nowrap"><Time at={line.at} /></td>
                        <td><bdi>{line.user?.username ?? NONE}</bdi></td>
                        <td><code>{line.action}</code></td>
                        <td class="roomy"><bdi>{line.target?.name ?? ''}</bdi> <span class="hint">{line.detail}</span></td>
                        <td class="mid"><code>{line.address}</code></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
              {next && <div class="more"><Button onClick={older} busy="Loading…">Show older</Button></div>}
            </>
          ))}
      </Loaded>
    </Page>
  );
}
