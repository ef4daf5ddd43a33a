import { StringDecoder } from 'node:string_decoder';
import type { ExecFrame } from '../../../proto/streams/exec-stream.ts';
import { FRAME_KINDS, FRAMES_TYPE } from '../../contract/exec.ts';
import { notStarted } from '../../services/commands/exec-service.ts';
import { HELLO_FRAME, PING_FRAME } from './event-frames.ts';

/** How a command's output is written to a response. Each is for one command. */
export interface ExecForm {
  readonly type: string;
  /** Begins the response. Can be empty. */
  readonly hello: Buffer;
  readonly ping: Buffer;
  encode(frame: ExecFrame): Buffer | string;
  /** What ends the response instead of an exit. */
  error(fault: object): Buffer | string;
}

/** Returns the form that an Accept header asks for. `encoding` is that of output in events. */
export function formOf(accept: string, encoding: 'utf8' | 'base64'): ExecForm {
  const types = accept.split(',').map((one) => one.split(';')[0]?.trim().toLowerCase());
  return types.includes(FRAMES_TYPE) ? frames() : events(encoding);
}

function events(encoding: 'utf8' | 'base64'): ExecForm {
  // A character can be cut between two frames.
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  const last = () => (['stdout', 'stderr'] as const).map((kind) => textEvent(kind, decoders[kind].end())).join('');
  return {
    ...{ type: 'text/event-stream; charset=utf-8', hello: HELLO_FRAME, ping: PING_FRAME },
    encode(frame) {
      if (frame.kind === 'end') {
        const { kind, value } = endOf(frame);
        return `${last()}${event(kind, value)}`;
      }
      if (encoding === 'base64') return event(frame.kind, { data: frame.bytes.toString('base64') });
      return textEvent(frame.kind, decoders[frame.kind].write(frame.bytes));
    },
    error: (fault) => event('error', fault),
  };
}

function frames(): ExecForm {
  const json = (kind: 'exit' | 'error', value: object) => {
    const content = Buffer.from(JSON.stringify(value));
    return Buffer.concat([headOf(kind, content.byteLength), content]);
  };
  return {
    ...{ type: FRAMES_TYPE, hello: Buffer.alloc(0), ping: headOf('ping', 0) },
    encode(frame) {
      // Output has the form of the guest's own frames, and is not copied.
      if (frame.kind !== 'end') return frame.whole ?? Buffer.concat([headOf(frame.kind, frame.bytes.byteLength), frame.bytes]);
      const { kind, value } = endOf(frame);
      return json(kind, value);
    },
    error: (fault) => json('error', fault),
  };
}

/** The end of a command as it is written. */
function endOf({ end }: Extract<ExecFrame, { kind: 'end' }>): { readonly kind: 'exit' | 'error'; readonly value: object } {
  if (end.fault !== '') return { kind: 'error', value: notStarted(end).refusal };
  const { exitCode, signal, timedOut, durationMs } = end;
  return { kind: 'exit', value: { exit_code: exitCode, signal, timed_out: timedOut, duration_ms: Math.round(durationMs) } };
}

function headOf(kind: keyof typeof FRAME_KINDS, length: number): Buffer {
  const head = Buffer.allocUnsafe(5);
  head[0] = FRAME_KINDS[kind];
  head.writeUInt32BE(length, 1);
  return head;
}

const textEvent = (kind: 'stdout' | 'stderr', text: string): string => (text === '' ? '' : event(kind, { text }));
const event = (type: string, data: unknown): string => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
