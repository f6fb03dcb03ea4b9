// Measures in rounds: each round runs every case once, so that what else the machine does weighs on all of them
// alike; what is reported is the median of the rounds.

import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { privateStack } from '../lib/stack.mjs';
import { idleMemory, residentMemory, settle } from './cells.mjs';
import { availableRuntimes, coldCases, killCases, loadCases, single, singleCases } from './cloche.mjs';
import { facts, interpreters, programs } from './facts.mjs';
import { medians, percentile } from './figures.mjs';
import { Client, sustained } from './load.mjs';
import { Bare, DockerRun, Interpreter } from './peers.mjs';
import { otherPeers } from './others.mjs';
import { overloadCase, PATIENCE_MS } from './overload.mjs';
import { recordingCases } from './recording.mjs';
import { markdown, table } from './report.mjs';
import { scale } from './scale.mjs';
import { configure } from './settings.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const QUICK = process.env.QUICK === '1';
const PEERS = process.env.PEERS === '1';
const DOCS = process.env.BENCH_DOCS === '1' || !QUICK;
const ENGINES = ['docker', 'oci'];

// Of each round: seconds of load (`fresh`: where each answer takes a container of its own), calls of a kind.
const PLAN = QUICK
  ? {
    rounds: 1, languages: ['python'], connections: [32], seconds: 1, fresh: 2, warmup: 1, singles: 3, colds: 1, kills: 1,
    dockerSingles: 1, dockerSeconds: 2, overload: 2, overloaded: ['oci'],
    // gVisor by Docker's engine takes longer to rest between measurements than to measure.
    runtimes: { docker: ['docker'], oci: ['docker', 'gvisor'] },
  }
  : {
    rounds: 3, languages: ['python', 'javascript'], connections: [1, 32], seconds: 3, fresh: 4, warmup: 1, singles: 20, colds: 4,
    kills: 4, dockerSingles: 5, dockerSeconds: 6, scaleCalls: 500, overload: 12, overloaded: ENGINES,
    runtimes: { docker: ['docker', 'gvisor'], oci: ['docker', 'gvisor'] },
  };
const DOCKER_CLIENTS = 4;

const began = performance.now();
const say = (text) => process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);

/** Cases of one group: what each measured, a list per round, beside what it is. */
class Group {
  constructor(name, cases) {
    Object.assign(this, { name, cases, found: cases.map(() => []) });
  }

  async round(plan) {
    for (const [i, { measure }] of this.cases.entries()) this.found[i].push(await measure(plan));
  }

  /** `join` makes one object of the rounds. */
  results(join) {
    return this.cases.map(({ measure, ...what }, i) => ({ ...what, ...join(this.found[i]) }));
  }
}

const ofTimes = (rounds) => {
  const times = rounds.flat();
  return { calls: times.length, p50_ms: percentile(times, 50), p99_ms: percentile(times, 99) };
};
const ofObjects = (rounds) => ({ calls: rounds.flat().length, ...medians(rounds.flat()) });

/** Cases of both engines, one after the other, so that each round has them side by side. */
async function ofEngines(stacks, make) {
  const cases = [];
  for (const engine of ENGINES) {
    const available = await availableRuntimes(stacks[engine]);
    cases.push(...await make(stacks[engine], engine, available.filter((runtime) => PLAN.runtimes[engine].includes(runtime))));
  }
  return cases;
}

async function groups(stacks, bare, others) {
  const s = stacks.docker;
  const bareLoad = PLAN.connections.map((connections) => ({
    name: 'bare', connections, measure: (plan) => peerLoad(bare.url, connections, plan.seconds, plan.warmup),
  }));
  const otherLoad = others.flatMap(({ name, url, fresh }) => (fresh ? [8] : PLAN.connections).map((connections) => ({
    name, connections, measure: (plan) => peerLoad(url, connections, fresh ? plan.dockerSeconds : plan.seconds, plan.warmup),
  })));
  const docker = (await availableRuntimes(s)).map((runtime) => ({ runtime, peer: new DockerRun(s, runtime) }));
  return {
    load: new Group('load', [
      ...bareLoad, ...otherLoad, ...await ofEngines(stacks, (...of) => loadCases(...of, PLAN)),
    ]),
    single: new Group('single calls', [
      { name: 'bare', measure: ({ singles }) => single(new Client(bare.url), singles, () => settle(s)) },
      ...await ofEngines(stacks, singleCases),
      ...docker.map(({ runtime, peer }) => ({
        name: 'docker run', runtime, measure: ({ dockerSingles }) => single(peer, dockerSingles, () => settle(s)),
      })),
    ]),
    fresh: new Group('docker run, as many as go', docker.map(({ runtime, peer }) => ({
      name: 'docker run', runtime, clients: DOCKER_CLIENTS,
      measure: async ({ dockerSeconds }) => {
        await settle(s);
        return peer.sustained(DOCKER_CLIENTS, dockerSeconds);
      },
    }))),
    start: new Group('interpreters, as many as go', PLAN.languages.map((language) => ({
      language, clients: os.availableParallelism(),
      measure: ({ seconds }) => new Interpreter(stacks.oci, language).sustained(os.availableParallelism(), seconds),
    }))),
    cold: new Group('cold starts', await ofEngines(stacks, coldCases)),
    kill: new Group('kills', await ofEngines(stacks, killCases)),
    overload: new Group('overload', await Promise.all(PLAN.overloaded.map((engine) => overloadCase(stacks[engine], engine)))),
    ...QUICK ? {} : { recording: new Group('recording', await recordingCases(stacks.oci)) },
  };
}

async function peerLoad(url, connections, seconds, warmup) {
  await sustained(url, { connections, seconds: warmup });
  const { requests, ...found } = await sustained(url, { connections, seconds });
  return found;
}

const perEngine = (stacks, measureOne) => Object.fromEntries(ENGINES.map((engine) => [engine, measureOne(stacks[engine])]));

async function measure(stacks, bare, others) {
  for (const engine of ENGINES) await settle(stacks[engine], 60_000);
  const memory = { idle: perEngine(stacks, idleMemory), before: perEngine(stacks, residentMemory) };
  const all = await groups(stacks, bare, others);
  for (let round = 1; round <= PLAN.rounds; round++) {
    for (const group of Object.values(all)) {
      say(`round ${round} of ${PLAN.rounds}: ${group.name}`);
      await group.round(PLAN);
    }
  }
  for (const engine of ENGINES) await settle(stacks[engine], 60_000);
  if (!QUICK) say('lists with many functions');
  return {
    load: all.load.results(medians),
    single: all.single.results(ofTimes),
    fresh: all.fresh.results(medians),
    start: all.start.results(medians),
    cold: all.cold.results(ofObjects),
    kill: all.kill.results(ofObjects),
    overload: all.overload.results(medians),
    recording: all.recording?.results(medians) ?? null,
    memory: { ...memory, after: perEngine(stacks, residentMemory) },
    scale: QUICK ? null : await scale(stacks.docker, { calls: PLAN.scaleCalls }),
  };
}

const about = await facts();
say('starting two stacks');
const stacks = {};
await Promise.all(ENGINES.map(async (engine) => {
  // undefined: as a file says, which measurements may change.
  stacks[engine] = await privateStack({ CLOCHE_ENGINE: engine, CLOCHE_QUEUE_TIMEOUT_MS: undefined });
  configure(stacks[engine], { queue_timeout_ms: PATIENCE_MS }, 'keeper');
}));
const bare = await Bare.start(stacks.docker);
const others = PEERS ? await otherPeers(stacks.docker) : [];
let report;
try {
  report = {
    ...about, interpreters: await interpreters(stacks.oci), quick: QUICK, plan: PLAN,
    programs: programs(stacks.oci), ...await measure(stacks, bare, others),
  };
} finally {
  bare.stop();
  for (const other of others) other.stop();
}
mkdirSync(`${ROOT}build`, { recursive: true });
writeFileSync(`${ROOT}build/bench.json`, `${JSON.stringify(report, null, 2)}\n`);
if (DOCS) writeFileSync(`${ROOT}docs/benchmarks.md`, markdown(report));
say('done');
process.stdout.write(table(report));
process.exit(0);
