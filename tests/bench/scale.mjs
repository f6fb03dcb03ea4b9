// Lists, searches and look-ups of routes with few functions and with many.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { single } from './cloche.mjs';
import { percentile } from './figures.mjs';
import { Client } from './load.mjs';

export const FUNCTIONS = 10_000;
export const USERS = 1_000;

// By SQL: ten thousand requests would take longer than what is measured.
const FILL = `
  INSERT INTO users (id, username, role, created_at)
    SELECT UNHEX(CONCAT('0193a00000007000', LPAD(HEX(seq), 16, '0'))), CONCAT('scale-', seq), 'developer', seq FROM seq_1_to_${USERS};
  INSERT INTO functions SELECT UNHEX(CONCAT('0193a00000007001', LPAD(HEX(seq), 16, '0'))) AS id,
      UNHEX(CONCAT('0193a00000007000', LPAD(HEX(seq MOD ${USERS} + 1), 16, '0'))) AS owner_id,
      CONCAT('scale-', MD5(seq)) AS name, CONCAT('scale/', MD5(seq)) AS route, CONCAT('scale/', MD5(seq)) AS route_key, route_rank,
      language, runtime, isolation, access, event, methods, handler, timeout_ms, memory_mb, cpu_millis, disk_mb, max_concurrency,
      record_input, CONCAT('Answers request number ', seq, ' as it should be answered.') AS description, input_example, code, note, version,
      revision, status, seq AS created_at, seq AS updated_at
    FROM (SELECT * FROM functions WHERE route = 'hello') f, seq_1_to_${FUNCTIONS};
  INSERT INTO function_search (function_id, owner_id, text) SELECT id, owner_id, LOWER(CONCAT_WS('\\n', name, route, description)) FROM functions WHERE name LIKE 'scale-%';
  ANALYZE TABLE functions, function_search, users;`;
const EMPTY = "DELETE FROM functions WHERE name LIKE 'scale-%'; DELETE FROM users WHERE username LIKE 'scale-%';";

function sql(s, text) {
  const { status, stderr } = spawnSync('mariadb', ['-S', join(s.run, 'mysql/mysqld.sock'), 'cloche'], { input: text, encoding: 'utf8' });
  if (status !== 0) throw new Error(`mariadb: ${stderr}`);
}

// What was written by SQL comes into the blocks of the search as with any start of a stack.
function pack(s) {
  const cloche = fileURLToPath(new URL('../../build/bin/cloche', import.meta.url));
  const { status, stderr } = spawnSync(cloche, ['migrate'], { env: { ...process.env, CLOCHE_HOME: s.home, CLOCHE_RUN: s.run }, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cloche migrate: ${stderr}`);
}

// All of them asked by the admin, who sees every function. Pages are as long with few functions as with many.
const CASES = {
  'list, newest first': '/api/functions?limit=10',
  'list, by name': '/api/functions?limit=10&sort=name',
  'search that finds some': '/api/functions?limit=10&q=number',
  'search that finds one': '/api/functions?limit=10&q=number+4242+',
  'search that finds nothing': '/api/functions?limit=10&q=zebra',
  'look-up of a route': '/fn/scale/to/none',
};

async function times(s, calls) {
  const found = {};
  for (const [name, path] of Object.entries(CASES)) {
    const client = new Client(`${s.url}${path}`, { headers: { Authorization: `Bearer ${s.token}` }, status: path.startsWith('/fn/') ? 404 : 200 });
    found[name] = percentile(await single(client, calls, async () => {}), 50);
    client.close();
  }
  return found;
}

/** For each case the p50 with few functions and with many. */
export async function scale(s, { calls }) {
  const few = await times(s, calls);
  sql(s, FILL);
  try {
    pack(s);
    const many = await times(s, calls);
    return Object.keys(CASES).map((name) => ({ name, few_ms: few[name], many_ms: many[name] }));
  } finally {
    sql(s, EMPTY);
  }
}
