import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { jsonIn } from '../../proto/streams/kind-frames.ts';
import { attachRequest, processRequest } from '../../proto/streams/process-request.ts';
import { type AttachRequest, INPUT_FRAMES, OUTPUT_FRAMES, SIGNALS, type StartProcess, sizeIn } from '../../proto/streams/process-stream.ts';
import { drained } from '../../seams/drained.ts';
import { KeptProcess, type ProcessReader } from '../processes/kept-process.ts';
import type { ProcessTable } from '../processes/process-table.ts';
import type { StreamHandler } from './stream-kinds.ts';
import { isStarted } from './stream-turns.ts';

/** Answers one request about processes, once it was recorded. */
export const processesStream =
  (table: ProcessTable): StreamHandler =>
  async (stream, parameters) => {
    const request = processRequest(parameters);
    if (!(await isStarted(stream))) return void stream.destroy();
    stream.resume();
    stream.end(JSON.stringify(await table.answer(request)));
  };

/** Attaches the stream to a process. Its end ends the attachment only. */
export const processStream =
  (table: ProcessTable): StreamHandler =>
  async (stream, parameters) => {
    const request = attachRequest(parameters);
    const say = (kind: 'attached' | 'refused' | 'gap' | 'exit', value: object) =>
      stream.write(OUTPUT_FRAMES.encode(kind, Buffer.from(JSON.stringify(value))));
    if (!(await isStarted(stream))) return void stream.destroy();
    const { pid, startedAtMs, offset } = request.start === undefined ? request : await started(table, request.start, say);
    if (pid === REFUSED) {
      stream.resume();
      return void stream.end();
    }
    const found = table.get(pid, startedAtMs);
    if (!(found instanceof KeptProcess)) {
      say('refused', found);
      stream.resume();
      return void stream.end();
    }
    const reader = found.read(offset);
    stream.once('close', () => reader.close());
    say('attached', { process: found.state, offset: reader.offset });
    const input = take(stream, found).catch((error: Error) => void stream.destroy(error));
    await give(stream, reader, say);
    if (stream.destroyed) return;
    say('exit', found.end ?? {});
    stream.end();
    reader.close();
    await input;
  };

const REFUSED = -1;
type Say = (kind: 'gap' | 'refused', value: object) => boolean;

/** Starts a process that is attached to from its beginning. */
async function started(table: ProcessTable, start: StartProcess, say: Say): Promise<Omit<AttachRequest, 'start'>> {
  const answer = await table.answer({ op: 'start', start });
  const [first] = 'refused' in answer ? [] : answer.processes;
  if (first !== undefined) return { pid: first.pid, startedAtMs: first.startedAtMs, offset: 0 };
  say('refused', answer);
  return { pid: REFUSED, startedAtMs: undefined, offset: undefined };
}

async function give(stream: ByteStream, reader: ProcessReader, say: Say): Promise<void> {
  while (!stream.destroyed && !reader.isAtEnd()) {
    const piece = reader.take();
    if (piece === undefined) await reader.more();
    else {
      const goesOn =
        piece.kind === 'gap' ? say('gap', { from: piece.from, to: piece.to }) : stream.write(OUTPUT_FRAMES.encode(piece.kind, piece.bytes));
      if (!goesOn) await drained(stream);
    }
  }
}

async function take(stream: ByteStream, process: KeptProcess): Promise<void> {
  for await (const { kind, content } of INPUT_FRAMES.decode(stream))
    switch (kind) {
      case 'stdin':
        await process.write(content);
        break;
      case 'resize':
        process.resize(sizeIn(jsonIn(content)));
        break;
      case 'signal': {
        const { signal } = jsonIn(content);
        const name = SIGNALS.find((one) => one === signal);
        if (name !== undefined) process.signal(name);
        break;
      }
      case 'closeStdin':
        process.closeStdin();
        break;
      case 'detach':
        // What was sent before has arrived.
        return void stream.destroy();
      default:
        kind satisfies never;
    }
}
