// What a comparison says, in figures and in a sentence.

import { bytes, milliseconds } from './formats.js';

export const SIDES = ['docker', 'gvisor'];

const ok = (runs) => runs.filter(({ status }) => status === 'ok');

/** Least, middle and most of a figure over the runs that answered. */
export function spread(runs, key) {
  const values = ok(runs).map(({ metrics }) => metrics[key]).filter((value) => typeof value === 'number').sort((a, b) => a - b);
  if (!values.length) return null;
  const middle = values.length / 2;
  const median = values.length % 2 ? values[Math.floor(middle)] : (values[middle - 1] + values[middle]) / 2;
  return { least: values[0], median, most: values.at(-1), values };
}

/** The run whose total is in the middle: its phases add up to a time that was really measured. */
export function middleRun(runs) {
  const sorted = [...ok(runs)].sort((a, b) => a.metrics.total_ms - b.metrics.total_ms);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

const times = (ratio) => (ratio < 10 ? ratio.toFixed(1) : String(Math.round(ratio)));
const CLOSE = 1.1;

function faster(docker, gvisor) {
  const ratio = gvisor.total_ms / docker.total_ms;
  const figures = `${milliseconds(docker.total_ms)} on Docker, ${milliseconds(gvisor.total_ms)} on gVisor`;
  if (!Number.isFinite(ratio)) return `In the middle a call took ${figures}.`;
  if (ratio < CLOSE && ratio > 1 / CLOSE) return `Both are about as fast: ${figures} in the middle.`;
  return ratio > 1
    ? `Docker is ${times(ratio)} times as fast: ${figures} in the middle.`
    : `gVisor is ${times(1 / ratio)} times as fast: ${figures} in the middle.`;
}

function memory(docker, gvisor) {
  const more = gvisor.memory_peak_bytes - docker.memory_peak_bytes;
  if (!Number.isFinite(more) || docker.memory_peak_bytes === null || gvisor.memory_peak_bytes === null) return '';
  return more > 0 ? ` gVisor took ${bytes(more)} more memory, its sandbox included.` : '';
}

export function verdict({ medians, available, runs, outputs_equal: equal }) {
  const missing = SIDES.find((side) => available[side] === false);
  if (missing) return `${missing === 'docker' ? 'Docker' : 'gVisor'} cannot run on this machine, so there is nothing to compare with.`;
  const failed = SIDES.filter((side) => !medians[side]);
  if (failed.length === 2) return 'It failed on both: there are no figures to compare.';
  if (failed.length === 1) return `It answered only on ${failed[0] === 'docker' ? 'gVisor' : 'Docker'}.`;
  const partly = SIDES.filter((side) => ok(runs[side]).length < runs[side].length);
  const outputs = equal === true ? ' All answers were the same.' : equal === false ? ' Their answers differ.' : '';
  const some = partly.length ? ' Some runs failed; figures are of those that answered.' : '';
  return `${faster(medians.docker, medians.gvisor)}${memory(medians.docker, medians.gvisor)}${outputs}${some}`;
}
