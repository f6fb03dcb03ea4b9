import { Dialog } from '../ui/dialog.jsx';

const KEYS = [
  ['Anywhere', [['Ctrl K', 'Go to a page or a function'], ['/', 'Search'], ['N', 'New function'], ['?', 'These keys']]],
  ['Editor', [['Ctrl Enter', 'Deploy and run'], ['Ctrl S', 'Save'], ['Esc, then Tab', 'Leave the code by keyboard']]],
  ['Lists', [['Tab', 'From one to the next'], ['Enter', 'Open']]],
];

export const KeyList = ({ onClose }) => (
  <Dialog title="Keys" onClose={onClose}>
    <div class="keys">
      {KEYS.map(([group, keys]) => (
        <section key={group}>
          <h3>{group}</h3>
          <dl>{keys.map(([key, does]) => <div key={key}><dt>{key.split(' ').map((part) => <kbd key={part}>{part}</kbd>)}</dt><dd>{does}</dd></div>)}</dl>
        </section>
      ))}
    </div>
    <p class="hint">On a Mac, ⌘ stands for Ctrl.</p>
  </Dialog>
);
