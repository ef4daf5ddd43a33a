import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { benchmarksPage } from '../../../bench/figures/page.ts';
import { readResults } from '../../../bench/figures/results.ts';

const docs = join(import.meta.dirname, '../../../docs');

t.test('the page of benchmarks and its plots are those of the results', (t) => {
  const { text, plots } = benchmarksPage(readResults());
  const hint = 'node scripts/generate-benchmarks.ts';
  t.equal(readFileSync(join(docs, 'benchmarks.md'), 'utf8'), text, hint);
  const drawn = existsSync(join(docs, 'benchmarks')) ? readdirSync(join(docs, 'benchmarks')) : [];
  t.same(new Set(drawn), new Set(plots.keys()), hint);
  for (const [file, svg] of plots) t.equal(readFileSync(join(docs, 'benchmarks', file), 'utf8'), svg, hint);
  t.end();
});
