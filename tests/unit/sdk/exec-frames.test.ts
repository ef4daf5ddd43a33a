/** Output of commands as frames. */
import t from 'tap';
import { Unreachable } from '../../../sdk/errors.ts';
import { execParts } from '../../../sdk/exec.ts';
import { type ExecPiece, FRAMES_TYPE, piecesOf } from '../../../sdk/exec-frames.ts';

const frame = (kind: number, content: string) => {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(5, kind);
  head.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([head, bytes]);
};

/** A response that comes in pieces of this size. */
function response(all: Buffer, size: number, type = FRAMES_TYPE): Response {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= all.byteLength) return controller.close();
      controller.enqueue(new Uint8Array(all.subarray(at, at + size)));
      at += size;
    },
  });
  return new Response(body, { headers: { 'content-type': type } });
}

const after = () => () => undefined;
const signal = new AbortController().signal;

async function read(all: Buffer, size: number): Promise<string> {
  const said = { stdout: '', stderr: '', exit: '', error: '' };
  for await (const piece of piecesOf(response(all, size), { after }, signal))
    said[piece.kind] += 'bytes' in piece ? Buffer.from(piece.bytes).toString() : piece.json;
  return JSON.stringify(said);
}

const whole = [frame(0, 'one '), frame(4, ''), frame(1, 'wrong'), frame(0, ''), frame(0, 'two'), frame(2, '{"exit_code":3}')];

t.test('frames are the same, wherever their bytes are cut', async (t) => {
  const all = Buffer.concat(whole);
  const expected = JSON.stringify({ stdout: 'one two', stderr: 'wrong', exit: '{"exit_code":3}', error: '' });
  for (let size = 1; size <= all.byteLength; size += 1) t.equal(await read(all, size), expected, `${size} at a time`);
});

t.test('output is there before its frame is whole', async (t) => {
  const pieces: ExecPiece[] = [];
  for await (const piece of piecesOf(response(frame(0, 'abcdef'), 7), { after }, signal)) pieces.push(piece);
  t.same(
    pieces.map((piece) => 'bytes' in piece && Buffer.from(piece.bytes).toString()),
    ['ab', 'cdef'],
  );
});

t.test('what is no frame ends the loop', async (t) => {
  await t.rejects(read(frame(9, 'x'), 100), Unreachable);
  await t.rejects(read(Buffer.from([0, 255, 255, 255, 255]), 100), Unreachable);
});

t.test('a server of an older release answers with events', async (t) => {
  const events =
    'event: stdout\ndata: {"data":"aGk="}\n\nevent: exit\ndata: {"exit_code":0,"signal":null,"timed_out":false,"duration_ms":1}\n\n';
  const transport = { signal, send: async () => response(Buffer.from(events), 10, 'text/event-stream') };
  const wire = { transport, tokens: undefined, environment: { after } } as unknown as Parameters<typeof execParts>[0];
  const parts: string[] = [];
  for await (const part of execParts(wire, 's', { command: 'x' }))
    parts.push(part.kind === 'exit' ? `exit ${part.exitCode}` : `${part.kind} ${Buffer.from(part.bytes)}`);
  t.same(parts, ['stdout hi', 'exit 0']);
});
