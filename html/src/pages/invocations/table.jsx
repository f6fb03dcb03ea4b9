import { bytes, milliseconds, NONE, ofOneCore, word } from '../../core/formats.js';
import { href } from '../../core/router.js';
import { Scroll, Status, Time } from '../../ui/parts.jsx';

export const Calls = ({ items, withFunction }) => (
  <Scroll label="Invocations">
    <table class="calls">
      <thead>
        <tr>
          <th scope="col">Status</th>
          {withFunction && <th scope="col">Function</th>}
          <th scope="col">When</th>
          <th scope="col" class="mid">Runtime</th>
          <th scope="col" class="wide">Start</th>
          <th scope="col" class="number wide">Version</th>
          <th scope="col" class="number">Total</th>
          <th scope="col" class="number mid">CPU</th>
          <th scope="col" class="number wide">Memory</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={item.id}>
            <td>
              <a class="row-link" href={href(['invocations', item.id])} aria-label={`${word(item.status)}: this call of ${item.function_name}`}><Status status={item.status} /></a>
              {item.error && <span class="reason">{item.error.type}</span>}
            </td>
            {withFunction && <td><a class="name" href={href(['functions', item.function_id])}><bdi>{item.function_name}</bdi></a></td>}
            <td class="nowrap"><Time at={item.created_at} /></td>
            <td class="mid">{word(item.runtime)}</td>
            <td class="wide">{item.start ?? NONE}</td>
            <td class="number wide">{item.version}</td>
            <td class="number">{milliseconds(item.metrics.total_ms)}</td>
            <td class="number mid" title={ofOneCore(item.metrics)}>{milliseconds(item.metrics.cpu_ms)}</td>
            <td class="number wide">{bytes(item.metrics.memory_peak_bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);
