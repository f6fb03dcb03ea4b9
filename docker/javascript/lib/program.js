// The function's source: compiled, told apart as module or script, loaded, its handler found.
'use strict';

const vm = require('vm');
const Module = require('module');
const { FILENAME, Refusal } = require('./failure.js');

const HANDLER_NAMES = ['handler', 'lambda_handler'];

// What a CommonJS compile says of source that is an ES module.
const ESM_HINTS = [
  'Cannot use import statement outside a module',
  "Unexpected token 'export'",
  "Cannot use 'import.meta' outside a module",
  'await is only valid in async functions and the top level bodies of modules',
];

const importModule = (specifier) => require('./import.js')(specifier);

/**
 * One revision of a function. `handler` is null for a script, and for a file that may turn out to have a
 * handler that it does not export only once it runs.
 */
class Program {
  constructor(source, configured) {
    this.source = source;
    // Lambda writes file.function; there is one file here.
    this.wanted = configured?.slice(configured.lastIndexOf('.') + 1) ?? null;
    this.handler = null;
  }

  /** Compiles, and loads what can be told to be a module. */
  async load() {
    try {
      this.compiled = this.#compileCommonJs();
    } catch (error) {
      if (!ESM_HINTS.some((hint) => error.message.includes(hint))) throw error;
      this.module = await this.#linkEsm();
    }
    if (this.wanted === null && !this.#exportsHandler()) return;
    this.handler = await this.evaluate({ main: false });
    if (this.handler === null && this.wanted !== null) {
      throw new Refusal('HandlerNotFound', `${FILENAME} has no function ${JSON.stringify(this.wanted)}`);
    }
    // A file that exports something else is a script, and starts afresh when it is run.
    if (this.handler === null && this.module) this.module = await this.#linkEsm();
  }

  /** Runs the file; resolves to its handler or null. */
  async evaluate({ main }) {
    if (this.module) {
      await this.module.evaluate();
      return this.#find(this.module.namespace, this.meta.handler);
    }
    const module = { exports: {}, id: FILENAME, filename: FILENAME, loaded: false, children: [], paths: [] };
    const require = Module.createRequire('/tmp/function.js');
    require.main = main ? module : undefined;
    const { exports } = module;
    const local = Reflect.apply(this.compiled, exports, [exports, require, module, FILENAME, '.']);
    module.loaded = true;
    return this.#find(module.exports, local);
  }

  #find(exports, local) {
    const names = this.wanted === null ? HANDLER_NAMES : [this.wanted];
    const candidates = this.wanted === null ? [exports] : [];
    for (const holder of [exports, exports?.default]) {
      candidates.push(...names.map((name) => holder?.[name]));
    }
    if (this.wanted === null) candidates.push(exports?.default);
    candidates.push(local);
    return candidates.find((candidate) => typeof candidate === 'function') ?? null;
  }

  // The expression appended to the source sees what the file declares and does not export.
  get #localHandler() {
    const name = this.wanted ?? 'handler';
    const usable = /^[A-Za-z_$][\w$]*$/.test(name) && isBindable(name);
    return usable ? `typeof ${name} === 'function' ? ${name} : null` : 'null';
  }

  #compileCommonJs() {
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
    return vm.compileFunction(`${withoutHashbang(this.source)}\n;return ${this.#localHandler};`, parameters, {
      filename: FILENAME,
      importModuleDynamically: importModule,
    });
  }

  async #linkEsm() {
    const emitWarning = process.emitWarning;
    process.emitWarning = () => {}; // vm modules are experimental; the function's author need not care
    try {
      const source = `${this.source}\n;import.meta.handler = ${this.#localHandler};`;
      const module = new vm.SourceTextModule(source, {
        identifier: FILENAME,
        importModuleDynamically: importModule,
        initializeImportMeta: (meta) => {
          meta.url = 'file:///tmp/function.js';
          this.meta = meta;
        },
      });
      await module.link(linkImport);
      return module;
    } finally {
      process.emitWarning = emitWarning;
    }
  }

  /** Whether the file looks like a module with a handler, told without running it. */
  #exportsHandler() {
    if (this.module) {
      const names = Reflect.ownKeys(this.module.namespace);
      return names.some((name) => name === 'default' || HANDLER_NAMES.includes(name));
    }
    if (!/\bexports\b/.test(this.source)) return false;
    return /\b(lambda_)?handler\b|\bexports\s*=(?!\s*\{)|\bexports\.default\b/.test(this.source);
  }
}

async function linkImport(specifier, referrer) {
  const namespace = await importModule(specifier);
  const names = Object.keys(namespace);
  return new vm.SyntheticModule(names, function fill() {
    for (const name of names) this.setExport(name, namespace[name]);
  }, { identifier: specifier, context: referrer.context });
}

// Reserved words look like names.
function isBindable(name) {
  try {
    new vm.Script(`(${name}) => 0`);
    return true;
  } catch {
    return false;
  }
}

const withoutHashbang = (source) => source.replace(/^#!/, '//');

module.exports = { Program };
