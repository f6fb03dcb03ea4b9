// Builds the dashboard: node html/build.mjs OUT. Names of what is loaded by the page carry a hash of their content,
// so that the web server lets browsers keep them; what belongs to the first view is named in the page itself.

import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { docsPage } from './docs.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const out = process.argv[2] && resolve(process.argv[2]);
if (!out) throw new Error('usage: node html/build.mjs OUT');

const APP = join(HERE, 'src/main.jsx');
const DOCS = join(HERE, 'src/docs.js');
const STYLE = join(HERE, 'css/index.css');
const COPIED = ['favicon.svg', 'examples', 'openapi.json'];

// esbuild puts modules into one file that are reached from the same places. Every part that is fetched later is said
// to need all that the first view needs, so that this is one file and not one for each mixture.
const SHELL = join(HERE, 'src/app.jsx');
const shellInOneFile = {
  name: 'shell-in-one-file',
  setup({ onResolve, onLoad }) {
    const later = new Set();
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind === 'dynamic-import') later.add(join(resolveDir, path));
    });
    onLoad({ filter: /\.jsx?$/ }, async ({ path }) => (later.has(path)
      ? { contents: `import ${JSON.stringify(SHELL)};\n${await readFile(path, 'utf8')}`, loader: 'jsx', resolveDir: join(path, '..') }
      : undefined));
  },
};

// Of the API's description the dashboard takes in what core/languages.js reads.
const languagesOnly = {
  name: 'languages-only',
  setup({ onLoad }) {
    onLoad({ filter: /\/openapi\.json$/ }, async ({ path }) => {
      const { components: { schemas: { Language } } } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ components: { schemas: { Language } } }), loader: 'json' };
    });
  },
};

async function bundle(...entryPoints) {
  const { metafile } = await build({
    entryPoints,
    outdir: join(out, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome116', 'firefox125', 'safari17.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    metafile: true,
    plugins: [shellInOneFile, languagesOnly],
    legalComments: 'none',
    logLevel: 'warning',
    absWorkingDir: HERE,
  });
  return Object.entries(metafile.outputs);
}

const outputOf = (outputs, path) => outputs.find(([, { entryPoint }]) => entryPoint && join(HERE, entryPoint) === path)[0];

// The files that an entry needs before it can run, itself last.
function needed(outputs, file, found = new Set()) {
  for (const { path, kind } of Object.fromEntries(outputs)[file].imports) {
    if (kind === 'import-statement' && !found.has(path)) needed(outputs, path, found);
  }
  return found.add(file);
}

// Once, as small as it gets, and not at each request: the web server sends x.js.gz in place of x.js.
async function compress(folder) {
  for (const name of await readdir(folder)) {
    await writeFile(join(folder, `${name}.gz`), gzipSync(await readFile(join(folder, name)), { level: 9 }));
  }
}

// What a page names in its head: the icon, which is no request of its own, the style, and the scripts of its entry.
function headOf(icon, style, scripts) {
  const address = (file) => `/assets/${basename(file)}`;
  const entry = scripts.pop();
  return [
    `<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">`,
    `<link rel="stylesheet" href="${address(style)}">`,
    ...scripts.map((script) => `<link rel="modulepreload" href="${address(script)}">`),
    `<script type="module" src="${address(entry)}"></script>`,
  ].join('\n  ');
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const name of COPIED) await cp(join(HERE, name), join(out, name), { recursive: true });
// The documentation's script is bundled by itself: what it shares with the dashboard must not become a file of its own.
const outputs = await bundle(APP, STYLE);
const docs = await bundle(DOCS);
await compress(join(out, 'assets'));

const [template, icon, spec] = await Promise.all(['index.html', 'favicon.svg', 'openapi.json'].map((name) => readFile(join(HERE, name), 'utf8')));
const head = (from, entry) => headOf(icon, outputOf(outputs, STYLE), [...needed(from, outputOf(from, entry))]);
await writeFile(join(out, 'index.html'), template.replace('<!-- assets -->', head(outputs, APP)));
await mkdir(join(out, 'docs'));
await writeFile(join(out, 'docs/index.html'), docsPage(JSON.parse(spec), head(docs, DOCS)));
