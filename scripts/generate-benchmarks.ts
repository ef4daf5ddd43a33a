/** Writes docs/benchmarks.md and its plots from bench/results.json. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchmarksPage } from '../bench/figures/page.ts';
import { readResults } from '../bench/figures/results.ts';

const docs = join(import.meta.dirname, '..', 'docs');
const { text, plots } = benchmarksPage(readResults());
writeFileSync(join(docs, 'benchmarks.md'), text);
rmSync(join(docs, 'benchmarks'), { recursive: true, force: true });
mkdirSync(join(docs, 'benchmarks'));
for (const [file, svg] of plots) writeFileSync(join(docs, 'benchmarks', file), svg);
