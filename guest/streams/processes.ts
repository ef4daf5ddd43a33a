import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { jsonIn } from '../../proto/streams/kind-frames.ts';
import { attachRequest, processRequest } from '../../proto/streams/process-request.ts';
import { INPUT_FRAMES, OUTPUT_FRAMES, SIGNALS, sizeIn } from '../../proto/streams/process-stream.ts';
import { KeptProcess, type ProcessReader } from '../processes/kept-process.ts';
import type { ProcessTable } from '../processes/process-table.ts';
import type { StreamHandler } from './stream-kinds.ts';
import { isStarted, room } from './stream-turns.ts';

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
    const { pid, startedAtMs, offset } = attachRequest(parameters);
    const say = (kind: 'attached' | 'refused' | 'gap' | 'exit', value: object) =>
      stream.write(OUTPUT_FRAMES.encode(kind, Buffer.from(JSON.stringify(value))));
    if (!(await isStarted(stream))) return void stream.destroy();
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

type Say = (kind: 'gap', value: object) => boolean;

async function give(stream: ByteStream, reader: ProcessReader, say: Say): Promise<void> {
  while (!stream.destroyed && !reader.isAtEnd()) {
    const piece = reader.take();
    if (piece === undefined) await reader.more();
    else {
      const goesOn =
        piece.kind === 'gap' ? say('gap', { from: piece.from, to: piece.to }) : stream.write(OUTPUT_FRAMES.encode(piece.kind, piece.bytes));
      if (!goesOn) await room(stream);
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
      default:
        kind satisfies never;
    }
}
