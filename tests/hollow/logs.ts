import type { LogLine__Output as LogLine } from '../../proto/generated/raworc/v0/LogLine.ts';
import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { encodeLogged, LOGS, type LogRequest, logRequest, type StreamedLine } from '../../proto/streams/log-stream.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';

/** What a pretended guest's agents have printed, and the byte streams that read it. */
export class HollowLogs {
  readonly lines: LogLine[] = [];
  readonly #followers = new Set<{ readonly stream: ByteStream; readonly request: LogRequest }>();

  add(line: LogLine): void {
    this.lines.push(line);
    for (const { stream, request } of this.#followers) if (isWanted(line, request)) stream.write(encodeLogged(streamed(line)));
  }

  open({ ticket, kind, parametersJson, credit }: OpenStream, link: StreamLink): void {
    link.send({ kind: 'open', ticket });
    const stream = new ByteStream(link, { credit, lost: 'node_lost' });
    stream.on('error', () => undefined);
    if (kind !== LOGS) return void stream.destroy(new StreamError('unknown_kind'));
    const request = logRequest(JSON.parse(parametersJson));
    stream.resume();
    for (const line of this.lines.filter((one) => isWanted(one, request)).slice(-request.limit)) stream.write(encodeLogged(streamed(line)));
    if (!request.follow) return void stream.end();
    stream.write(encodeLogged('live'));
    const follower = { stream, request };
    this.#followers.add(follower);
    stream.on('end', () => stream.end());
    stream.on('close', () => this.#followers.delete(follower));
  }

  close(): void {
    for (const { stream } of this.#followers) stream.destroy(new StreamError('guest_lost'));
  }
}

const streamed = ({ runId, stream, line, atMs, dropped }: LogLine): StreamedLine => ({
  ...{ runId, line, atMs, dropped },
  stream: stream === 'STDERR' ? 'stderr' : 'stdout',
});

const isWanted = (line: LogLine, { agent, stream }: LogRequest): boolean =>
  line.agent === agent && (stream === 'all' || streamed(line).stream === stream);
