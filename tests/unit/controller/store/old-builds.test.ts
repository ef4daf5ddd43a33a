/** Old builds, of which a loop of deployments makes very many, cost nothing where the newest one or those in use are looked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { snake } from '../../../../controller/store/sqlite/columns.ts';
import { sqlLists } from '../../../../controller/store/sqlite/lists/sql-lists.ts';
import { buildView } from '../../../../controller/store/sqlite/views/builds.ts';
import { imageView } from '../../../../controller/store/sqlite/views/images.ts';
import type { Reads } from '../../../../controller/store/sqlite/views/reads.ts';
import { openCore, SPACE } from '../core.ts';
import type { Step } from './watched-lists.ts';

t.test('builds in use are found by an index that has no others of the space', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-old-builds-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  (await openCore({ directory })).close();
  const database = new Database(join(directory, 'raworc.db'), { readonly: true });
  t.teardown(() => database.close());
  const plan: string[] = [];
  const explain = (sql: string, ...parameters: unknown[]) => {
    for (const { detail } of database.prepare<unknown[], Step>(`explain query plan ${sql}`).all(...parameters)) plan.push(detail);
    return undefined;
  };
  const reads = {
    row: explain,
    one: (table: string, rest: string, ...parameters: unknown[]) => explain(`select * from ${snake(table)} ${rest}`, ...parameters),
    all: (table: string, rest: string, ...parameters: unknown[]) => explain(`select * from ${snake(table)} ${rest}`, ...parameters),
  } as unknown as Reads;
  const indexes = () => plan.splice(0).filter((detail) => /\bbuilds\b/.test(detail));

  imageView(reads).isBaseOfNeeded('base');
  t.same(indexes(), [
    'SEARCH builds USING INDEX builds_open_base (base_image=?)',
    'SEARCH builds USING INDEX builds_completed (space_id=?)',
    'SEARCH builds USING INDEX builds_image (image=?)',
  ]);
  buildView(reads).newestBuild(SPACE, 'completed');
  t.same(indexes(), ['SEARCH builds USING INDEX builds_completed (space_id=?)']);
  buildView(reads).buildOfImage(SPACE, 'image');
  t.same(indexes(), ['SEARCH builds USING INDEX builds_image (image=?)']);
  buildView(reads).hasAssignedBuild(SPACE);
  t.match(plan.splice(0), [/^SEARCH builds USING INDEX builds_assigned \(node_id>\?\)/]);
  plan.length = 0;
  buildView(reads).unneededBuilds(SPACE, 1000, 20);
  t.ok(
    plan.every((detail) => !detail.startsWith('SCAN') && !detail.includes('TEMP B-TREE')),
    plan.splice(0).join('\n'),
  );
  const lists = sqlLists({
    read: async (queries) => queries.map(({ sql, parameters }) => explain(sql, ...parameters) ?? []),
  });
  await lists.sourceInUse('sha256:0');
  t.same(indexes(), [
    'SCAN builds USING INDEX builds_open',
    'SEARCH builds USING INDEX builds_completed (space_id=?)',
    'SEARCH builds USING INDEX builds_image (image=?)',
  ]);
  imageView(reads).hasSessionOfImage('image');
  t.match(plan.splice(0), [/USING (COVERING )?INDEX sessions_image/]);
});
