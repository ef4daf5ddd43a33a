import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { testDirectory } from '../../test-directory.ts';
import { contents } from '../controller/agents/folder-contents.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

t.test('proto/generated matches the .proto files', async (t) => {
  const fresh = join(testDirectory(t), 'generated');
  execFileSync(process.execPath, ['scripts/generate-proto.ts', fresh], { cwd: root });
  const kept = contents(join(root, 'proto', 'generated'));
  const made = contents(fresh);
  t.ok(Object.keys(made).length > 30, 'something was generated');
  t.same(Object.keys(made), Object.keys(kept));
  for (const [path, text] of Object.entries(made))
    if (kept[path] !== text) t.fail(`${path} is not up to date: node scripts/generate-proto.ts`);
});
