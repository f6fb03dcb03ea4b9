// Holds every answer of the API that a test receives against html/openapi.json.
//
// The file says what there is; a test must also see that there is no more. So objects are closed here: a field,
// status or media type that the file lacks is a failure of the test that met it. What was sent is checked, too,
// where it was accepted.

import { readFileSync } from 'node:fs';

const document = JSON.parse(readFileSync(new URL('../../html/openapi.json', import.meta.url), 'utf8'));
// Malformed HTTP is answered by nginx itself, before a place is chosen.
const BEFORE_ANY_PLACE = [400, 405, 408, 414, 431, 494];
// What any operation may answer without naming it: see the response Unserved.
const UNSERVED = [400, 500, 503];

/** Ajv, where the packages of the tests are installed. */
const Ajv = await import('ajv/dist/2020.js').then((module) => module.default.default ?? module.default, () => null);
export const available = Ajv !== null;

// ---- schemas, closed

function closed(schema, close = true) {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (schema.$ref) return { $ref: schema.$ref.replace(/^#\/components\/schemas\//, `api#/${close ? 'closed' : 'open'}/`) };
  const all = { ...schema };
  for (const key of ['properties', 'patternProperties']) {
    if (schema[key]) all[key] = Object.fromEntries(Object.entries(schema[key]).map(([name, value]) => [name, closed(value)]));
  }
  for (const key of ['items', 'additionalProperties']) if (schema[key]) all[key] = closed(schema[key]);
  for (const key of ['oneOf', 'anyOf']) if (schema[key]) all[key] = schema[key].map((part) => closed(part, close));
  // The parts of a whole know only their own fields.
  if (schema.allOf) all.allOf = schema.allOf.map((part) => closed(part, false));
  const object = (schema.properties || schema.allOf) && !schema.oneOf && schema.additionalProperties === undefined;
  if (close && object) all.unevaluatedProperties = false;
  return all;
}

const ajv = Ajv && new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv?.addSchema({
  $id: 'api',
  open: Object.fromEntries(Object.entries(document.components.schemas).map(([name, schema]) => [name, closed(schema, false)])),
  closed: Object.fromEntries(Object.entries(document.components.schemas).map(([name, schema]) => [name, closed(schema)])),
});

const compiled = new Map();

/** What is wrong with a value, as text; '' if nothing is. */
export function flaws(schema, value) {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, validate = ajv.compile(closed(schema)));
  if (validate(value)) return '';
  return validate.errors.slice(0, 5).map(({ instancePath: at, message, params }) =>
    `${at || 'it'} ${message} ${JSON.stringify(params)}`).join('; ');
}

// ---- operations

const resolve = (thing) => (thing?.$ref
  ? thing.$ref.slice(2).split('/').reduce((node, name) => node[name], document) : thing);

const templates = Object.keys(document.paths).map((path) => ({
  path, params: path.split('{').length, pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
})).sort((a, b) => a.params - b.params);

/** Every operation of the file: {path, method, operation, parameters}. */
export const operations = Object.entries(document.paths).flatMap(([path, { parameters: shared = [], ...methods }]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path, method: method.toUpperCase(), operation, parameters: [...shared, ...(operation.parameters ?? [])].map(resolve),
  })));

function find(method, path) {
  const template = templates.find(({ pattern }) => pattern.test(path));
  const wanted = method === 'HEAD' ? 'GET' : method;
  return {
    known: template !== undefined,
    found: operations.find((item) => item.path === template?.path && item.method === wanted),
  };
}

// ---- answers

function checkBody(response, { headers, body, text }) {
  const type = (headers['content-type'] ?? '').split(';')[0];
  if (!response.content) return text === '' ? '' : 'it has a body, and should have none';
  const media = response.content[type];
  if (!media) return `its Content-Type is ${type || 'missing'}`;
  if (type !== 'application/x-ndjson') return media.schema ? flaws(media.schema, body) : '';
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => flaws(media.schema, JSON.parse(line))).find(Boolean) ?? '';
}

function checkAnswer({ operation }, { method, answer }) {
  const { status } = answer;
  const named = operation.responses[status];
  if (!named && !UNSERVED.includes(status)) return 'this status is not in the file';
  return method === 'HEAD' ? '' : checkBody(resolve(named ?? operation.responses.default), answer);
}

// Of what was accepted: query parameters and a JSON body that the file knows.
function checkSent({ operation, parameters }, { query, sent }) {
  const unknown = [...query.keys()].find((name) => !parameters.some((item) => item.in === 'query' && item.name === name));
  if (unknown !== undefined) return `the query parameter ${unknown} was taken and is not in the file`;
  const schema = resolve(operation.requestBody)?.content['application/json']?.schema;
  if (sent === undefined || typeof sent !== 'object' || Buffer.isBuffer(sent) || !schema) return '';
  const wrong = flaws(schema, sent);
  return wrong && `a body was taken that is not in the file: ${wrong}`;
}

function wrongs(exchange) {
  const { method, path, answer } = exchange;
  if (BEFORE_ANY_PLACE.includes(answer.status) && /^text\/html/.test(answer.headers['content-type'])) return '';
  const { known, found } = find(method, path);
  if (found) return checkAnswer(found, exchange) || (answer.status < 300 ? checkSent(found, exchange) : '');
  const statuses = known ? [400, 405, 413] : [400, 404, 405, 413];
  if (!statuses.includes(answer.status)) return 'there is no such operation in the file';
  return method === 'HEAD' ? '' : checkBody(resolve({ $ref: '#/components/responses/Unserved' }), answer);
}

function decoded(path) {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** Throws when the file does not allow this answer. Of other hosts' and functions' answers it knows nothing. */
export function check(address, { method, host, sent, answer }) {
  const { host: own, pathname, searchParams } = new URL(address);
  if (!ajv || !answer.complete || (host ?? own) !== own || !/^\/api\/|^\/metrics$/.test(pathname)) return;
  const wrong = wrongs({ method, path: decoded(pathname), query: searchParams, sent, answer });
  if (wrong) throw new Error(`html/openapi.json: ${method} ${pathname} answered ${answer.status}: ${wrong}\n${answer.text.slice(0, 500)}`);
}
