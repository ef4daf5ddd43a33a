import t from 'tap';
import { boundaryIn, partsOf } from '../../../../controller/e2b/data/multipart.ts';

const BODY = Buffer.from(
  [
    '--B',
    'Content-Disposition: form-data; name="file"; filename="a/b c%22.txt"',
    'Content-Type: text/plain',
    '',
    'one\r\n--C\r\ntwo',
    '--B',
    'Content-Disposition: form-data; name="file"; filename="empty"',
    '',
    '',
    '--B',
    'Content-Disposition: form-data; name=field',
    '',
    'value',
    '--B--',
    '',
  ].join('\r\n'),
);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { name, filename, content } of partsOf(pieces(bytes, size), 'B')) {
    const all: Buffer[] = [];
    for await (const piece of content) all.push(piece);
    found.push([name, filename, Buffer.concat(all).toString()]);
  }
  return found;
}

t.test('parts come whole, however the body is cut', async (t) => {
  const expected = [
    ['file', 'a/b c".txt', 'one\r\n--C\r\ntwo'],
    ['file', 'empty', ''],
    ['field', undefined, 'value'],
  ];
  for (let size = 1; size <= BODY.byteLength; size += 1) t.same(await read(BODY, size), expected, `pieces of ${size}`);
});

t.test('a part that is not read is passed over', async (t) => {
  const names: unknown[] = [];
  for await (const { filename } of partsOf(pieces(BODY, 7), 'B')) names.push(filename);
  t.same(names, ['a/b c".txt', 'empty', undefined]);
});

t.test('a body that ends early, or has no end to its headers, is malformed', async (t) => {
  for (const end of [10, 80, 140, BODY.byteLength - 6])
    await t.rejects(read(BODY.subarray(0, end), 9), { message: /within a part/ }, String(end));
  await t.rejects(read(Buffer.from(`--B\r\n${'x'.repeat(40_000)}`), 1000), { message: /too long/ });
});

t.test('the boundary is found in the Content-Type', async (t) => {
  t.equal(boundaryIn('multipart/form-data; boundary=----x1'), '----x1');
  t.equal(boundaryIn('multipart/form-data; charset=utf-8; boundary="a b"'), 'a b');
  t.same([boundaryIn('application/octet-stream'), boundaryIn(undefined)], [undefined, undefined]);
});
