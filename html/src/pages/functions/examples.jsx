// Cards of the examples: one press deploys and runs.

import { api } from '../../core/api.js';
import { deployExample } from '../../core/examples.js';
import { word } from '../../core/formats.js';
import { go } from '../../core/router.js';
import { user } from '../../core/session.js';
import { useResource } from '../../core/resource.js';
import { Button } from '../../ui/button.jsx';
import { Loaded, Skeleton, Tag } from '../../ui/parts.jsx';

const list = (answer) => (Array.isArray(answer) ? answer : answer.items);

async function deployAndRun(example) {
  const created = await deployExample(example, user.value.username);
  go(['functions', created.id], { run: 1 });
}

const Card = ({ example }) => (
  <li class="card example">
    <h3>{example.name} <Tag>{word(example.language)}</Tag></h3>
    <p>{example.description}</p>
    <div class="actions">
      <Button kind="primary" icon="play" busy="Deploying…" onClick={() => deployAndRun(example)}
        aria-label={`Run this one: ${example.name}`}>Run this one</Button>
      <a class="button plain" href={`#/new?example=${encodeURIComponent(example.name)}`} aria-label={`Look first: ${example.name}`}>Look first</a>
    </div>
  </li>
);

export function Examples({ most = 6 }) {
  const examples = useResource((signal) => api.examples(signal), []);
  return (
    <Loaded resource={examples} skeleton={<Skeleton rows={3} height={120} />}>
      {(answer) => <ul class="examples">{list(answer).slice(0, most).map((example) => <Card key={example.name} example={example} />)}</ul>}
    </Loaded>
  );
}
