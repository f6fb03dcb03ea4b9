// What the tests of the documentation read in its pages: fenced blocks, headings, links, words in backticks.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The pages, by their path from the top: README.md and docs/. */
export const pages = () => ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
  .map((path) => new Page(path));

// As GitHub makes them: small letters, no punctuation, a dash for each space.
const anchorOf = (heading) => heading.replace(/`/g, '').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

export class Page {
  blocks = []; // {language, info, text, line}
  anchors = new Set();
  links = []; // {target, line}
  words = []; // {word, line}: what stands in backticks

  constructor(path) {
    this.path = path;
    let block = null;
    readFileSync(join(ROOT, path), 'utf8').split('\n').forEach((text, i) => {
      const line = i + 1;
      const fence = text.match(/^```(\S*) ?(.*)$/);
      if (block && text === '```') block = null;
      else if (block) block.text += `${text}\n`;
      else if (fence) this.blocks.push(block = { language: fence[1], info: fence[2], text: '', line });
      else this.#prose(text, line);
    });
    if (block) throw new Error(`${path}:${block.line}: the block has no end`);
  }

  #prose(text, line) {
    const heading = text.match(/^#+ (.*)$/);
    if (heading) {
      const anchor = anchorOf(heading[1]);
      let free = anchor;
      for (let n = 1; this.anchors.has(free); n++) free = `${anchor}-${n}`;
      this.anchors.add(free);
    }
    for (const [, word] of text.matchAll(/`([^`]+)`/g)) this.words.push({ word, line });
    for (const [, target] of text.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) this.links.push({ target, line });
  }

  /** The block whose info names this file; a page that gives files in full names each. */
  file(name) {
    const found = this.blocks.find(({ info }) => info === name);
    if (!found) throw new Error(`${this.path} does not give ${name}`);
    return found.text;
  }
}
