// What this browser remembers. One that keeps nothing (private windows, a full disk) is no error: then it is
// remembered until the page is left.

const PREFIX = 'cloche.';
const unkept = new Map();

export function recall(key, otherwise = null) {
  if (unkept.has(key)) return unkept.get(key);
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Whether it outlives the page. */
export function remember(key, value) {
  unkept.delete(key);
  try {
    if (value === null || value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
    return true;
  } catch {
    if (value !== null && value !== undefined) unkept.set(key, value);
    return false;
  }
}
