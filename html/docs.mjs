// The API's documentation as a page that needs no JavaScript, from openapi.json. src/docs.js adds "try it".

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const esc = (text) => String(text ?? '').replace(/[&<>"]/g, (letter) => ESCAPES[letter]);
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function resolver(spec) {
  const resolve = (node) => (node?.$ref ? resolve(node.$ref.slice(2).split('/').reduce((at, key) => at[key], spec)) : node);
  return resolve;
}

function typeOf(schema, resolve) {
  const it = resolve(schema) ?? {};
  if (it.enum) return it.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (it.type === 'array') return `list of ${typeOf(it.items, resolve)}`;
  const either = it.oneOf ?? it.anyOf;
  if (either) return either.map((one) => typeOf(one, resolve)).join(' | ');
  return [it.type].flat().filter(Boolean).join(' | ') || 'any';
}

const bounds = ({ minimum, maximum, minLength, maxLength, default: otherwise }) => [
  minimum !== undefined && `from ${minimum}`, maximum !== undefined && `to ${maximum}`, minLength && `at least ${minLength} characters`,
  maxLength && `at most ${maxLength} characters`, otherwise !== undefined && `default ${JSON.stringify(otherwise)}`,
].filter(Boolean).join(', ');

function fieldRows(label, fields) {
  if (!fields.length) return '';
  return `<div class="table" tabindex="0" role="region" aria-label="${esc(label)}"><table><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>${
    fields.map(({ name, where, type, text, required }) => `<tr><th scope="row"><code>${esc(name)}</code>${required ? ' <small>required</small>' : ''}</th><td><code>${esc(type)}</code></td><td>${esc([where && `in the ${where}`, text].filter(Boolean).join('; '))}</td></tr>`).join('')
  }</tbody></table></div>`;
}

function propertiesOf(schema, resolve) {
  const it = resolve(schema) ?? {};
  const parts = (it.allOf ?? []).map(resolve);
  const required = [it, ...parts].flatMap((part) => part.required ?? []);
  return [it, ...parts].flatMap((part) => Object.entries(part.properties ?? {})).map(([name, property]) => {
    const found = resolve(property);
    return { name, type: typeOf(property, resolve), text: [found.description, bounds(found)].filter(Boolean).join('; '), required: required.includes(name) };
  });
}

const exampleOf = (media) => media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
const pretty = (value) => JSON.stringify(value, null, 2);
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function samples(method, path, body, open) {
  const verb = method.toUpperCase();
  const auth = open ? '' : " \\\n  -H \"Authorization: Bearer $TOKEN\"";
  const json = body === undefined ? '' : ` \\\n  -H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`;
  const url = `http://127.0.0.1:8080${path}`;
  return {
    curl: `curl -X ${verb} ${quote(url)}${auth}${json}`,
    Python: `import json, urllib.request\n\nrequest = urllib.request.Request(\n    ${JSON.stringify(url)}, method=${JSON.stringify(verb)},\n    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},${
      body === undefined ? '' : `\n    data=json.dumps(json.loads(${JSON.stringify(JSON.stringify(body))})).encode(),`}\n)\nwith urllib.request.urlopen(request) as answer:\n    print(answer.read().decode())`,
    JavaScript: `const answer = await fetch(${JSON.stringify(url)}, {\n  method: ${JSON.stringify(verb)},\n  headers: { Authorization: \`Bearer \${token}\`, 'Content-Type': 'application/json' },${
      body === undefined ? '' : `\n  body: JSON.stringify(${JSON.stringify(body)}),`}\n});\nconsole.log(await answer.text());`,
  };
}

function operation(path, method, op, shared, resolve) {
  const parameters = [...shared, ...(op.parameters ?? [])].map(resolve);
  const media = resolve(op.requestBody)?.content?.['application/json'];
  const body = exampleOf(media);
  const open = op.security?.length === 0;
  const scopes = [...new Set((op.security ?? []).flatMap((one) => Object.values(one).flat()))];
  const rows = fieldRows(`Parameters of ${op.operationId}`, parameters.map((it) => ({
    name: it.name, where: it.in, type: typeOf(it.schema, resolve), required: it.required,
    text: [it.description, bounds(resolve(it.schema) ?? {})].filter(Boolean).join('; '),
  })));
  const responses = Object.entries(op.responses ?? {}).map(([status, response]) => [status, resolve(response)]);
  const good = responses.find(([status]) => status.startsWith('2'))?.[1];
  const answer = exampleOf(good?.content?.['application/json']);
  return `<section class="operation" id="${esc(op.operationId)}" data-method="${method}" data-path="${esc(path)}"${media ? ' data-body' : ''}>
<h3><span class="method ${method}">${method.toUpperCase()}</span> <code>${esc(path)}</code></h3>
<p>${esc(op.summary)}.</p>${op.description ? `<p>${esc(op.description)}</p>` : ''}
<p class="hint">${open ? 'Anyone may.' : scopes.length ? `Scope: <code>${scopes.map(esc).join('</code>, <code>')}</code>` : 'Needs a login.'}</p>
${rows ? `<h4>Parameters</h4>${rows}` : ''}
${media ? `<h4>Body</h4>${fieldRows(`Body of ${op.operationId}`, propertiesOf(media.schema, resolve))}` : ''}
<h4>Answers</h4><dl class="facts">${responses.map(([status, it]) => `<dt><code>${esc(status)}</code></dt><dd>${esc(it.description)}</dd>`).join('')}</dl>
${answer === undefined ? '' : `<pre tabindex="0" role="region" aria-label="Example of the answer of ${esc(op.operationId)}">${esc(pretty(answer))}</pre>`}
<h4>Samples</h4>
${Object.entries(samples(method, path, body, open)).map(([language, text]) => `<details><summary>${language}</summary><pre tabindex="0" role="region" aria-label="${esc(op.operationId)} in ${language}">${esc(text)}</pre></details>`).join('\n')}
</section>`;
}

/** The page; `head` is what loads its style and script. */
export function docsPage(spec, head) {
  const resolve = resolver(spec);
  const operations = Object.entries(spec.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
    .map((method) => ({ path, method, op: item[method], shared: item.parameters ?? [] })));
  const groups = (spec.tags ?? [{ name: 'all' }]).map(({ name, description }) => ({
    name, description, operations: operations.filter(({ op }) => !spec.tags || op.tags?.includes(name)),
  })).filter((group) => group.operations.length);
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>API · ${esc(spec.info.title)}</title>
  ${head}
</head>
<body class="docs">
<header class="docs-head"><a class="brand" href="/">${esc(spec.info.title)}</a> <a href="/api/openapi.json">openapi.json</a></header>
<div class="docs-body">
<nav aria-label="Operations">${groups.map((group) => `<h2>${esc(group.name)}</h2>${group.operations.map(({ op, method }) => `<a href="#${esc(op.operationId)}"><span class="method ${method}">${method.toUpperCase()}</span> ${esc(op.operationId)}</a>`).join('')}`).join('')}</nav>
<main>
<h1>API</h1>
<p class="lead">${esc(spec.info.description)}</p>
${groups.map((group) => `<h2 class="group">${esc(group.name)}</h2>${group.description ? `<p>${esc(group.description)}</p>` : ''}${group.operations.map(({ path, method, op, shared }) => operation(path, method, op, shared, resolve)).join('\n')}`).join('\n')}
</main>
</div>
</body>
</html>
`;
}
