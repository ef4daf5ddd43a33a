import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
/** A metric as the source makes it: `counter({ name: '…'`, with or without labels and line breaks. */
const MADE = /\b(?:counter|gauge|histogram)(?:<[^>]*>)?\(\{\s*name:\s*'([a-z_]+)'/g;

function madeIn(folder: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const names = files.flatMap((file) => [...readFileSync(join(root, folder, file), 'utf8').matchAll(MADE)].map(([, name = '']) => name));
  return [...new Set(names)].sort();
}

/** Names in the first column of the tables under headings that begin so. */
function shownUnder(heading: string): string[] {
  const sections = page.split(/^## /m).filter((section) => section.startsWith(heading));
  const rows = sections.flatMap((section) => section.split('\n')).filter((line) => line.startsWith('| `'));
  const cells = rows.map((row) => row.split('|')[1] ?? '');
  return [...new Set(cells.flatMap((cell) => [...cell.matchAll(/([a-z_]+)(?:\{[a-z_,]*\})?[`,]/g)].map(([, name = '']) => name)))].sort();
}

t.test('the page lists exactly the metrics of the controller and of the node agent', async (t) => {
  t.same(shownUnder('Controller'), madeIn('controller'));
  t.same(shownUnder('Node agent'), madeIn('node-agent'));
});

t.test('the alerts use existing metrics', async (t) => {
  const made = new Set([...madeIn('controller'), ...madeIn('node-agent')]);
  const expressions = [...page.matchAll(/^ +expr: (.*)$/gm)].map(([, expression = '']) => expression);
  t.ok(expressions.length >= 3);
  for (const expression of expressions) {
    for (const [name, bare = ''] of expression.matchAll(/\braworc_([a-z_]+?)(?:_bucket|_sum|_count)?\b/g)) t.ok(made.has(bare), name);
  }
});

t.test('no gauge replaces another of the same name', async (t) => {
  for (const folder of ['controller', 'node-agent']) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const names = files.flatMap((file) =>
      [...readFileSync(join(root, folder, file), 'utf8').matchAll(/\bgauge(?:<[^>]*>)?\(\{\s*name:\s*'([a-z_]+)'/g)].map(
        ([, name = '']) => name,
      ),
    );
    t.ok(names.length > 5);
    t.same(
      names.filter((name, at) => names.indexOf(name) !== at),
      [],
      folder,
    );
  }
});
