// How long the questions take that a dashboard asks, over HTTP, on a stack with much data (`make seed-data`):
// node tests/bench/queries.mjs URL TOKEN_FILE

import { readFileSync } from 'node:fs';
import { request } from '../lib/http.mjs';
import { median, percentile } from './figures.mjs';

const TIMES = 21;
const [url, tokenFile] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };

async function get(path) {
  const { status, body, ms, text } = await request(`${url}${path}`, { headers });
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return { body, ms };
}

const { body: { items } } = await get('/api/functions?q=seed&limit=100');
const ids = items.map(({ id }) => id);
const [id] = ids;
const questions = {
  'health, as a measure': '/api/health',
  'summary of 100 functions, 24 h': `/api/metrics/summary?ids=${ids.join(',')}`,
  'function, 24 h by 5 minutes': `/api/metrics/functions/${id}`,
  'function, 24 h by the minute': `/api/metrics/functions/${id}?step=60`,
  'system, 24 h by 5 minutes': '/api/metrics/system',
  'system, 7 d by the hour': `/api/metrics/system?step=3600&from=${new Date(Date.now() - 7 * 86_400_000).toISOString()}`,
  'comparison of a function': `/api/metrics/compare?function_id=${id}`,
  'newest page of all calls': '/api/invocations?limit=50',
  'newest page of a function': `/api/functions/${id}/invocations?limit=50`,
  'page of failed calls of a function': `/api/functions/${id}/invocations?limit=50&status=error`,
  'Prometheus': '/metrics',
};

for (const [name, path] of Object.entries(questions)) {
  const first = (await get(path)).ms;
  const times = [];
  for (let i = 0; i < TIMES; i++) times.push((await get(path)).ms);
  process.stdout.write(`${name.padEnd(36)} median ${median(times).toFixed(1).padStart(7)} ms   p95 ${percentile(times, 95).toFixed(1).padStart(7)} ms   first ${first.toFixed(1).padStart(7)} ms\n`);
}
