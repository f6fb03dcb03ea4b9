// Examples, and deploying one under a name and route that are free.

import { api } from './api.js';

const TRIES = 20;
const NOT_FIELDS = ['order', 'file', 'expect'];

export function fieldsOf(example) {
  return Object.fromEntries(Object.entries(example).filter(([key]) => !NOT_FIELDS.includes(key)));
}

const TAKEN = ['name_taken', 'route_taken'];

/** Creates `fields`, with -2, -3, … behind name and route as long as these are taken; `known` are names that are. */
export async function createUnderFreeName(fields, { known = [], create = api.createFunction } = {}) {
  for (let n = 1; ; n++) {
    const suffix = n === 1 ? '' : `-${n}`;
    const name = fields.name + suffix;
    if (known.includes(name)) continue;
    try {
      return await create({ ...fields, name, route: fields.route + suffix });
    } catch (problem) {
      if (!TAKEN.includes(problem.code) || n >= TRIES) throw problem;
    }
  }
}

/** An example as a function of one's own; routes are everybody's, so it answers below one's name. */
export async function deployExample(example, username) {
  const { items } = await api.functions({ q: example.name, limit: 100 });
  return createUnderFreeName({ ...fieldsOf(example), route: `${username}/${example.route}` }, { known: items.map(({ name }) => name) });
}
