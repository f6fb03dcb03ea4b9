// A line of the last values, as wide as its place; what it shows is said in words, too.

const WIDTH = 96;
const HEIGHT = 26;

export function sparkPath(values, width = WIDTH, height = HEIGHT) {
  const most = Math.max(1, ...values);
  const step = values.length > 1 ? width / (values.length - 1) : width;
  return values.map((value, i) => `${i ? 'L' : 'M'}${(i * step).toFixed(1)} ${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`).join('');
}

export function Sparkline({ values, label }) {
  const line = values?.some(Boolean) ? sparkPath(values) : null;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {line ? <><path class="area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} /><path d={line} /></> : <path class="none" d={`M0 ${HEIGHT - 2}H${WIDTH}`} />}
    </svg>
  );
}
