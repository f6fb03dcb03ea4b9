// Which line of the function's file an error's stack points at.

// Python names the innermost call last, JavaScript first.
const LINES = {
  python: (stack) => [...stack.matchAll(/function\.py", line (\d+)/g)].at(-1),
  javascript: (stack) => stack.match(/function\.js:(\d+)/),
};

/** `language` may be unknown: names of files tell it. */
export function lineOf(stack, language) {
  const ways = LINES[language] ? [LINES[language]] : Object.values(LINES);
  const found = ways.map((way) => way(stack ?? '')).find(Boolean);
  return found ? Number(found[1]) : null;
}
