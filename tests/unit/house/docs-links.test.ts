import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../../..');
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) => name.endsWith('.md'));
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

/** Where prose may leave out the beginning of a path. */
const PREFIXES = ['', 'tests/', 'controller/', 'controller/services/', 'node-agent/', 'guest/'];

/** GitHub's rule for the anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

t.test('every link between pages, and to a heading, has a target', async (t) => {
  for (const page of pages) {
    for (const [, file = '', anchor] of textOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)) {
      const target = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, target))) t.fail(`${page} links to ${target}`);
      else if (anchor !== undefined) {
        const headings = [...textOf(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
        t.ok(headings.includes(anchor), `${page} links to ${target}#${anchor}`);
      }
    }
  }
});

t.test('every source file that a page names exists', async (t) => {
  for (const page of pages) {
    for (const [, path = ''] of textOf(page).matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs|proto|py))`/g)) {
      if (!PREFIXES.some((prefix) => existsSync(join(root, prefix, path)))) t.fail(`${page} names ${path}`);
    }
  }
  t.ok(pages.length > 8);
});
