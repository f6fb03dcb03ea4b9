// Fuzzy search: all letters in order; a whole word, a beginning and letters side by side count more.

function score(label, wanted) {
  const text = label.toLowerCase();
  const at = text.indexOf(wanted);
  if (at >= 0) return 1000 - at - text.length / 100 + (at === 0 || /\W/.test(text[at - 1]) ? 500 : 0);
  let from = 0;
  let gaps = 0;
  for (const letter of wanted) {
    const found = text.indexOf(letter, from);
    if (found < 0) return -1;
    gaps += found - from;
    from = found + 1;
  }
  return 500 - gaps - text.length / 100;
}

/** Those of `items` ({label, minor}) that fit, the best first; minor ones only when something is asked for. */
export function rank(items, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return items.filter(({ minor }) => !minor);
  return items
    .map((item) => ({ item, points: score(item.label, wanted) - (item.minor ? 1 : 0) }))
    .filter(({ points }) => points >= 0)
    .sort((a, b) => b.points - a.points)
    .map(({ item }) => item);
}
