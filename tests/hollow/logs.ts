import { connectPort, readTables } from '../../guest/ports/system-ports.ts';
import { portStream, portsStream } from '../../guest/streams/port.ts';
import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';

import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { Channels } from '../../proto/streams/channels.ts';
import { EXEC } from '../../proto/streams/exec-stream.ts';
import { FILES } from '../../proto/streams/files-stream.ts';
import { encodeLogged, LOGS, type LogRequest, logRequest, type StreamedLine } from '../../proto/streams/log-stream.ts';
import { PORT, PORTS } from '../../proto/streams/port-stream.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { decodeSharedOpen, SHARED, SHARED_CREDIT_BYTES } from '../../proto/streams/shared-stream.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import { systemClock } from '../../seams/system.ts';
import { pretendExec } from './exec.ts';
import { HollowFiles } from './files.ts';
import { pretendedProcesses } from './processes.ts';

type Printed = StreamedLine & { readonly agent: string };

/** What a pretended guest's agents have printed, and the byte streams that read it. */
export class HollowLogs {
  readonly #lines: Printed[] = [];
  readonly #files = new HollowFiles();
  readonly #processes = pretendedProcesses();
  readonly #followers = new Map<ByteStream, LogRequest>();

  add(line: Printed): void {
    this.#lines.push(line);
    for (const [stream, request] of this.#followers) if (isWanted(line, request)) stream.write(encodeLogged(line));
  }

  open({ ticket, kind, parametersJson, credit }: OpenStream, link: StreamLink): void {
    link.send({ kind: 'open', ticket });
    const stream = new ByteStream(link, { credit, lost: 'node_lost' });
    if (kind !== SHARED) return this.#serve(stream, kind, parametersJson);
    stream.on('error', () => undefined);
    new Channels(stream, systemClock, {
      opened: ({ link: channel, credit: granted, parametersJson: text }) => {
        const window = { window: SHARED_CREDIT_BYTES, granted: SHARED_CREDIT_BYTES };
        const open = decodeSharedOpen(text);
        this.#serve(new ByteStream(channel, { credit: granted, ...window, lost: 'node_lost' }), open.kind, open.parametersJson);
      },
    });
  }

  #serve(stream: ByteStream, kind: string, parametersJson: string): void {
    stream.on('error', () => undefined);
    if (kind === EXEC || kind === FILES) {
      try {
        const parameters: unknown = JSON.parse(parametersJson);
        return kind === EXEC ? pretendExec(stream, parameters) : this.#files.open(stream, parameters);
      } catch (error) {
        return void stream.destroy(error instanceof Error ? error : new StreamError('failed'));
      }
    }
    const processes = this.#processes.kinds[kind];
    if (processes !== undefined)
      return void Promise.resolve(processes(stream, JSON.parse(parametersJson))).catch((error: Error) => stream.destroy(error));
    // Programs of a pretended session are programs of this machine.
    if (kind === PORT || kind === PORTS) {
      const handler = kind === PORT ? portStream(connectPort, systemClock) : portsStream(readTables, systemClock);
      return void Promise.resolve(handler(stream, JSON.parse(parametersJson))).catch((error: Error) => stream.destroy(error));
    }
    if (kind !== LOGS) return void stream.destroy(new StreamError('unknown_kind'));
    const request = logRequest(JSON.parse(parametersJson));
    stream.resume();
    const kept = this.#lines.filter((line) => isWanted(line, request));
    // Not `slice(-limit)`, which of none would be all.
    for (const line of kept.slice(Math.max(0, kept.length - request.limit))) stream.write(encodeLogged(line));
    if (!request.follow) return void stream.end();
    stream.write(encodeLogged('live'));
    this.#followers.set(stream, request);
    stream.on('end', () => stream.end());
    stream.on('close', () => this.#followers.delete(stream));
  }

  close(): void {
    this.#processes.close();
    for (const stream of this.#followers.keys()) stream.destroy(new StreamError('guest_lost'));
  }
}

const isWanted = (line: Printed, { agents, stream, run, sinceMs, untilMs }: LogRequest): boolean =>
  agents.includes(line.agent) &&
  (stream === 'all' || line.stream === stream) &&
  (run === undefined || line.runId === run) &&
  line.atMs >= sinceMs &&
  line.atMs <= untilMs;
