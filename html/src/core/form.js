// A form made from an example of the input: each value keeps its type, objects and lists are nested.

export function kindOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value; // string, number, boolean, object
}

/** A value of the same shape with nothing in it: what a new entry of a list begins as. */
export function blank(value) {
  switch (kindOf(value)) {
    case 'string': return '';
    case 'number': return 0;
    case 'boolean': return false;
    case 'list': return [];
    case 'object': return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, blank(inner)]));
    default: return null;
  }
}

/** The number that was typed, or null when it is none. "1e3" and "-0.5" are, "0x10" and "" are not. */
export function readNumber(text) {
  const trimmed = text.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return null;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : null;
}

/** Whether a form can show it: an object or list that is not all too deep. */
export const hasForm = (value, depth = 0) => {
  const kind = kindOf(value);
  if (kind === 'object' && depth === 0 && Object.keys(value).length === 0) return false;
  if (kind !== 'object' && kind !== 'list') return depth > 0;
  return depth < 5 && Object.values(value).every((inner) => hasForm(inner, depth + 1));
};

/** Arguments are typed one on a line. */
export const readArgs = (text) => text.split('\n').map((line) => line.replace(/\r$/, '')).filter((line) => line !== '');

/** `{input}`, `{args}` or `{}` for what stands in the text of a mode; throws SyntaxError for text that is not JSON. */
export function requestOf(mode, text, value) {
  if (mode === 'args') {
    const args = readArgs(text);
    return args.length ? { args } : {};
  }
  if (mode === 'form') return { input: value };
  return text.trim() ? { input: JSON.parse(text) } : {};
}
