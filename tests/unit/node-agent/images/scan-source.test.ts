/** What a node keeps of a source while it looks for dependencies. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { scanSource } from '../../../../node-agent/images/scan-source.ts';

const MIB = 2 ** 20;

t.test('texts of a source are kept up to a bound, and those at its root always', async (t) => {
  const pack = tar.pack();
  const text = Buffer.alloc(MIB, 'x');
  for (let at = 0; at < 20; at += 1) pack.entry({ name: `texts/${at}.txt` }, text);
  pack.entry({ name: 'requirements.txt' }, 'a\n');
  pack.entry({ name: 'large/more.txt' }, Buffer.alloc(2 * MIB));
  pack.entry({ name: 'package-lock.json' }, '{}');
  pack.finalize();
  const packed = gzipSync(await buffer(pack));
  const digest = `sha256:${createHash('sha256').update(packed).digest('hex')}`;
  const files = await scanSource(
    'a',
    digest,
    (async function* () {
      yield packed;
    })(),
  );
  t.equal(files.size, 23);
  t.equal([...files.values()].filter((file) => (file.text?.length ?? 0) === MIB).length, 16);
  t.equal(files.get('requirements.txt')?.text, 'a\n');
  t.match(files.get('large/more.txt'), { text: undefined });
  t.match(files.get('package-lock.json'), { text: undefined, sha256: /^[0-9a-f]{64}$/ }, 'a lock counts by its hash');
});
