// uPlot, set up for this page: one cursor over all charts, drag to zoom, marks where a version went live.

import uPlot from 'uplot';

const HEIGHT = 180;

const styles = (host) => {
  const computed = getComputedStyle(host);
  return (name) => computed.getPropertyValue(name).trim();
};

const DAY_S = 86_400;
const timeOf = (format) => (seconds) => new Date(seconds * 1000).toLocaleString(undefined, format);
const hours = timeOf({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const days = timeOf({ day: 'numeric', month: 'short' });
const moment = timeOf({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

const withAlpha = (colour, alpha) => `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;
const shown = (value, unit) => (value === null || value === undefined ? '–' : `${value >= 100 ? Math.round(value) : Number(value.toFixed(value >= 10 ? 1 : 2))} ${unit}`);

// Where two versions went live at nearly the same time there is room for the name of the later one.
const NAME_WIDTH = 26;

/** Draws the marks of `versions()`, the latest first. */
function marks(versions, colour) {
  return (chart) => {
    const { ctx, bbox } = chart;
    let free = Infinity;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.setLineDash([3, 3]);
    ctx.textAlign = 'left';
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    for (const { at, version } of versions()) {
      const x = chart.valToPos(at / 1000, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const atEdge = x + NAME_WIDTH * devicePixelRatio > bbox.left + bbox.width;
      const name = atEdge ? x - NAME_WIDTH * devicePixelRatio : x;
      if (name + NAME_WIDTH * devicePixelRatio > free) continue;
      free = name;
      ctx.fillText(`v${version}`, name + 4 * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
    }
    ctx.restore();
  };
}

/** Draws `first` and, at each `show`, newer data of the same chart: `{chart, data, versions, range, onZoom}`. */
export function mountChart(host, first) {
  let now = first;
  const { chart } = first;
  const colour = styles(host);
  const soft = colour('--soft');
  const axis = { stroke: soft, font: '11px system-ui, sans-serif', grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  const plot = new uPlot({
    width: host.clientWidth,
    height: HEIGHT,
    cursor: { sync: { key: 'metrics', setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    scales: { x: { time: true, range: () => [now.range.from / 1000, now.range.to / 1000] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.12 : 1] } },
    axes: [{ ...axis, size: 34, values: (_, ticks, __, ___, step) => ticks.map(step >= DAY_S ? days : hours) }, { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => (tick >= 1000 ? `${tick / 1000}k` : String(tick))) }],
    series: [
      { label: 'time', value: (_, seconds) => (seconds === null ? '–' : moment(seconds)) },
      ...chart.lines.map((line) => ({
        label: line.name, stroke: colour(line.colour), width: 1.6, spanGaps: false,
        fill: line.fill ? withAlpha(colour(line.colour), 0.12) : undefined,
        points: { show: (self, series) => isolated(self.data[series]), size: 4 },
        value: (_, value) => shown(value, chart.unit),
      })),
    ],
    hooks: {
      draw: [marks(() => now.versions, soft)],
      setSelect: [(self) => {
        if (self.select.width < 4) return;
        const { left, width } = self.select;
        self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        now.onZoom(self.posToVal(left, 'x') * 1000, self.posToVal(left + width, 'x') * 1000);
      }],
    },
  }, first.data, host);
  const watch = new ResizeObserver(([{ contentRect }]) => plot.setSize({ width: contentRect.width, height: HEIGHT }));
  watch.observe(host);
  return {
    show(next) {
      if (next.data === now.data) return;
      now = next;
      plot.setData(next.data);
    },
    end: () => { watch.disconnect(); plot.destroy(); },
  };
}

// A single value between gaps has no line; without a point it would not be seen.
const isolated = (values) => values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);
