// A measurement as text: a table for the terminal, and a page for docs/.

import { FUNCTIONS, USERS } from './scale.mjs';

const number = (value, digits = 1) => (value === null || value === undefined ? '-' : value.toFixed(digits));
const rate = (value) => (value === null ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(1));
const times = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 0)} ×` : '-');
const megabytes = (bytes) => (bytes === null || bytes === undefined ? '-' : (bytes / 2 ** 20).toFixed(1));
const percent = (share) => (share ? `${(share * 100).toFixed(0)} %` : '');

function label({ name, engine, language, isolation, runtime }) {
  if (name === 'bare') return 'bare nginx + libfcgi';
  if (name === 'docker run') return `docker run --rm, ${runtime}`;
  return engine ? [engine, language, runtime, isolation].filter(Boolean).join(', ') : name;
}

const find = (rows, wanted) => rows.find((row) => Object.entries(wanted).every(([key, value]) => row[key] === value));

function loadSection({ load }) {
  const bare = (connections) => find(load, { name: 'bare', connections })?.rps;
  const rows = load.map((row) => [
    label(row), `${row.connections}`, rate(row.rps), number(row.p50_ms, 2), number(row.p99_ms, 2), percent(row.refused),
    times(row.rps / bare(row.connections)),
  ]);
  return {
    title: 'Hello under load',
    head: ['', 'connections', 'answers/s', 'p50 ms', 'p99 ms', 'refused', 'of bare'],
    rows,
    note: 'Engine, language, runtime, isolation. Before each measurement a second of the same load. With isolation request ' +
      'every answer takes a fresh container, and those made beforehand are used up by then: its answers/s are the ' +
      'sustained rate of fresh containers. p50 and p99 are over all answers, those that refuse included. functions-framework and workerd (with ' +
      'PEERS=1) neither isolate calls by container nor keep records.',
  };
}

const CPU = ['nginx', 'worker', 'keeper', 'daemons', 'mariadb', 'cells', 'machine'];
const cpuSection = ({ load }) => ({
  title: 'Processor time of one call',
  head: ['', 'connections', ...CPU.map((name) => `${name} ms`)],
  rows: load.filter((row) => row.engine).map((row) => [
    label(row), `${row.connections}`, ...CPU.map((name) => number(row[`cpu_${name}`], 2)),
  ]),
  note: 'Daemons: dockerd and containerd. Machine: everything that ran, the runtimes that make containers, the kernel and ' +
    'the load generator included.',
});

function singleSection({ single }) {
  const bare = find(single, { name: 'bare' });
  return {
    title: 'Single calls with a filled pool',
    head: ['', 'calls', 'p50 ms', 'p99 ms', 'p50 of bare', 'p50 of docker run'],
    rows: single.map((row) => [
      label(row), `${row.calls}`, number(row.p50_ms, 2), number(row.p99_ms, 2), times(row.p50_ms / bare.p50_ms),
      times(row.p50_ms / find(single, { name: 'docker run', runtime: row.runtime })?.p50_ms),
    ]),
    note: 'One connection; before each call the client waits until the pool is full and nothing is being made or removed.',
  };
}

function freshSection({ fresh, load }) {
  const most = Math.max(...load.filter(({ isolation }) => isolation).map(({ connections }) => connections));
  const rows = fresh.flatMap((row) => [
    [label(row), `${row.clients}`, rate(row.rps), '1.00 ×'],
    ...load.filter(({ isolation, runtime, connections }) =>
      isolation === 'request' && runtime === row.runtime && connections === most).map((cloche) =>
      [label(cloche), `${most}`, rate(cloche.rps), times(cloche.rps / row.rps)]),
  ]);
  return {
    title: 'Fresh containers a second, sustained',
    head: ['', 'at a time', 'containers/s', 'of docker run'],
    rows,
    note: 'docker run takes the same image and Python function, by the Docker client, on the same engine, with less ' +
      'confinement and without a record.',
  };
}

function startSection({ start, load }) {
  const rows = start.map(({ language, clients, rps }) => {
    const cells = find(load, { engine: 'oci', isolation: 'request', runtime: 'docker', language, connections: Math.max(
      ...load.filter(({ isolation }) => isolation).map(({ connections }) => connections),
    ) });
    return [language, `${clients}`, rate(rps), rate(cells.rps), times(cells.rps / rps)];
  });
  return {
    title: 'Beside the interpreter alone',
    head: ['', 'at a time', 'starts/s', 'fresh containers/s', 'of the starts'],
    rows,
    note: 'Starts: the image\'s interpreter with no program and no container. Fresh containers: the engine oci, runc\'s kind, a whole ' +
      'call in each. What an interpreter takes to start bounds how many can be made.',
  };
}

const phases = ({ cold }) => ({
  title: 'Cold start by phase',
  head: ['', 'calls', 'launch ms', 'load ms', 'run ms', 'total ms'],
  rows: cold.map((row) => [
    label(row), `${row.calls}`, number(row.queue_ms), number(row.init_ms), number(row.run_ms),
    number(row.total_ms),
  ]),
  note: 'Calls that wait for a container nobody could make beforehand.',
});

const kills = ({ kill }) => ({
  title: 'Time to kill',
  head: ['', 'calls', 'to the answer ms', 'to the last process ms'],
  rows: kill.map((row) => [label(row), `${row.calls}`, number(row.answer_ms), number(row.gone_ms)]),
  note: 'An endless function, from its deadline on.',
});

const overloads = ({ overload }) => ({
  title: 'Overload',
  head: ['', 'calls/s', 'answers/s', 'p50 ms', 'of before', 'refusal p50 ms', 'API p50 ms', 'API p99 ms'],
  rows: overload.flatMap((row) => [
    [`${row.engine}, as many as go`, '-', rate(row.rps), number(row.p50_ms, 0), '1.00 ×', '-', '-', '-'],
    [`${row.engine}, ${row.times} times that`, rate(row.offered_rps), rate(row.served_rps), number(row.served_p50_ms, 0),
      times(row.served_p50_ms / row.p50_ms), number(row.refused_p50_ms, 1), number(row.api_p50_ms, 1), number(row.api_p99_ms, 1)],
  ]),
  note: 'Python, runc, isolation request. As many as go: 32 connections, each of which waits for its answer. Then calls come at ' +
    'three times that rate whatever became of those before; up to `queue_length` of them wait, for `queue_timeout_ms` at most, and the ' +
    'others are refused with 503 and Retry-After. Meanwhile the API is asked for a list of functions.',
});

const idle = ({ memory }) => ({
  title: 'Memory of a waiting cell',
  head: ['', 'charged MB', 'share MB'],
  rows: Object.entries(memory.idle).flatMap(([engine, { cells, shim_share_bytes: shim }]) => [
    ...cells.map(({ charged_bytes: charged, share_bytes: share, ...cell }) =>
      [label({ engine, ...cell }), megabytes(charged), megabytes(share)]),
    ...(shim ? [[`${engine}, a shim beside each`, '-', megabytes(shim)]] : []),
  ]),
  note: 'Charged: to its control group, page cache left out. Share: its processes, shared pages in parts (Pss).',
});

const resident = ({ memory }) => ({
  title: 'Resident memory of the services',
  head: ['', 'before MB', 'after MB'],
  rows: Object.entries(memory.before).flatMap(([engine, before]) => Object.keys(before).map((name) =>
    [`${engine}, ${name}`, megabytes(before[name]), megabytes(memory.after[engine][name])])),
  note: 'Before and after all measurements; several processes of one service summed up.',
});

const lists = ({ scale }) => scale && ({
  title: `Lists with ${FUNCTIONS} functions of ${USERS} users`,
  head: ['', 'few ms', 'many ms', 'of few'],
  rows: scale.map(({ name, few_ms: few, many_ms: many }) => [name, number(few, 2), number(many, 2), times(many / few)]),
  note: 'The p50 of calls on one connection by an admin, who sees all functions; few are those of this measurement.',
});

const recording = ({ recording: rows }) => rows && ({
  title: 'The cost of a record',
  head: ['', 'connections', 'answers/s', 'p50 ms', 'p99 ms', 'of none', 'records that wait'],
  rows: rows.map((row) => [
    `recording: ${row.recording}`, `${row.connections}`, rate(row.rps), number(row.p50_ms, 2), number(row.p99_ms, 2),
    times(row.rps / find(rows, { recording: 'off' }).rps), `${row.waiting}`,
  ]),
  note: 'Python, runc, kept containers. Without records nothing is counted either. Records that wait: at the end of the ' +
    'load, for the database.',
});

const SECTIONS = [loadSection, cpuSection, singleSection, freshSection, startSection, phases, kills, overloads, recording, idle, resident, lists];
// Some of it is not measured by QUICK.
const sections = (report) => SECTIONS.map((make) => make(report)).filter((section) => section);

function conditions({ date, machine, versions, interpreters, programs, plan, quick }) {
  const { cores, cpu, memory_mb: memory, kernel, load_before: load } = machine;
  const rounds = plan.rounds > 1 ? `medians of ${plan.rounds} interleaved rounds` : 'one round';
  return [
    `${date.slice(0, 10)}, ${cores} × ${cpu}, ${memory} MB, Linux ${kernel}, load ${load.toFixed(2)} at the start`,
    Object.entries({ ...versions, ...interpreters }).filter(([, version]) => version).map((pair) => pair.join(' ')).join(', '),
    `the engine oci makes cells with ${Object.entries(programs).map(([runtime, program]) => `${program} (${runtime})`).join(', ')}`,
    `${quick ? 'quick: ' : ''}${rounds}, ${plan.seconds} s of load for each case, ${plan.fresh} s with isolation request`,
  ];
}

/** For the terminal. */
export function table(report) {
  const text = sections(report).map(({ title, head, rows }) => {
    const all = [head, ...rows];
    const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
    const pad = (cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
    const lines = all.map((row) => row.map(pad).join('  ').trimEnd());
    return `${title}\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
  });
  return `\n${conditions(report).join('\n')}\n\n${text.join('\n')}\n`;
}

/** For docs/benchmarks.md. */
export function markdown(report) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const text = sections(report).map(({ title, head, rows, note }) =>
    `## ${title}\n\n${line(head)}${line(head.map((_, i) => (i ? '---:' : '---')))}${rows.map(line).join('')}\n${note}\n`);
  return `# Benchmarks\n\nWritten by \`make bench\`; ratios are of one run on one machine.\n\n` +
    `${conditions(report).map((item) => `- ${item}\n`).join('')}\n${text.join('\n')}`;
}
