import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Lines__Output } from '../../../proto/generated/raworc/v0/Lines.ts';
import type { LogLine__Output } from '../../../proto/generated/raworc/v0/LogLine.ts';
import type { Random } from '../../../seams/random.ts';
import type { SessionId } from '../../domain/engine/ids.ts';

export interface WantedLines {
  readonly agent: string;
  readonly stream: 'stdout' | 'stderr' | 'all';
  readonly limit: number;
}

/** What is asked, and who alone may answer. */
interface Asking {
  readonly of: object;
  readonly sessionId: SessionId;
  readonly resolve: (lines: readonly LogLine__Output[] | undefined) => void;
}

const STREAMS = { stdout: 'STDOUT', stderr: 'STDERR', all: 'STREAM_UNSPECIFIED' } as const;

/** Questions to guests for what their agents printed, and the answers as they come. */
export class LineReads {
  readonly #random: Random;
  readonly #asking = new Map<string, Asking>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Resolves with undefined when no guest is there, the stream takes no more, or the signal aborts first. */
  ask(
    stream: { send(frame: ControllerFrame): boolean },
    sessionId: SessionId,
    { agent, stream: which, limit }: WantedLines,
    signal: AbortSignal,
  ): Promise<readonly LogLine__Output[] | undefined> {
    return new Promise((resolve) => {
      const requestId = this.#random.uuid();
      const settle = (lines: readonly LogLine__Output[] | undefined) => {
        signal.removeEventListener('abort', abort);
        this.#asking.delete(requestId);
        resolve(lines);
      };
      const abort = () => settle(undefined);
      signal.addEventListener('abort', abort);
      this.#asking.set(requestId, { of: stream, sessionId, resolve: settle });
      const value = { sessionId, requestId, agent, stream: STREAMS[which], limit };
      if (signal.aborted || !stream.send({ kind: 'readLines', value })) abort();
    });
  }

  /** False: nobody asked that, or not there. */
  answered(from: object, { requestId, sessionId, lines, unread }: Lines__Output): boolean {
    const asking = this.#asking.get(requestId);
    if (asking?.of !== from || asking.sessionId !== sessionId) return false;
    asking.resolve(unread ? undefined : lines);
    return true;
  }
}
