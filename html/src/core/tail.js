// A list that grows at its head while it is watched, newest first: ids are UUIDv7 and so in order of time.

/**
 * The list with the newest page in it. Where that page and the list have nothing in common there may be calls
 * between them that nobody has seen: then the list begins anew.
 */
export function withHead(list, page) {
  if (!list) return page;
  const known = new Map(list.items.map((item) => [item.id, item]));
  const joined = page.items.some((item) => known.has(item.id));
  if (!joined && list.items.length > 0 && page.next) return page;
  for (const item of page.items) known.set(item.id, item);
  return { items: [...known.values()].sort((a, b) => (a.id < b.id ? 1 : -1)), next: list.items.length ? list.next : page.next };
}

export const withOlder = (list, page) => ({ items: [...list.items, ...page.items], next: page.next });
