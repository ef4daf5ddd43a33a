/** Kept processes of a pretended session, and streams to them, with real programs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ProcessTable } from '../../../../guest/processes/process-table.ts';
import { processesStream, processStream } from '../../../../guest/streams/processes.ts';
import { prepareVolume } from '../../../../guest/volume/volume.ts';
import { Processes } from '../../../../guest/workers/processes.ts';
import { terminalBinding } from '../../../../guest/workers/terminals/binding.ts';
import { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import {
  INPUT_FRAMES,
  OUTPUT_FRAMES,
  type OutputFrame,
  outputFrame,
  type ProcessAnswer,
  type ProcessRequest,
  type ProcessState,
  processAnswer,
  type StartProcess,
} from '../../../../proto/streams/process-stream.ts';
import type { StreamFrame } from '../../../../proto/streams/stream-frame.ts';
import { systemClock } from '../../../../seams/system.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { path, workersDirectory } from '../stage.ts';

export interface Attached {
  readonly stream: ByteStream;
  /** The output so far. */
  text(): string;
  readonly frames: OutputFrame[];
  /** Resolves once the output matches. */
  until(pattern: RegExp): Promise<void>;
  /** Resolves with the last frame once the stream has ended. */
  last(): Promise<OutputFrame | undefined>;
  type(text: string): void;
  send(kind: 'stdin' | 'resize' | 'signal' | 'closeStdin' | 'detach', value?: object): void;
}

export function session(t: Test, keepingAwake?: (count: number) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-processes-'));
  const sessionDirectory = join(directory, 'session');
  prepareVolume({ directory: sessionDirectory, agentsDirectory: join(directory, 'agents'), user: undefined });
  const places = { sessionId: 's', sessionDirectory, agentsDirectory: join(directory, 'agents'), path };
  const binding = terminalBinding(import.meta.dirname);
  const processes = new Processes({ places, user: undefined, workersDirectory, clock: systemClock, binding });
  const table = new ProcessTable({ clock: systemClock, start: processes.startKept, keepingAwake });
  t.teardown(() => {
    table.close();
    processes.close();
    rmSync(directory, { recursive: true, force: true });
  });
  function open(handler: ReturnType<typeof processStream>, parameters: object, window = 1024 * 1024): ByteStream {
    const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
    const guest = new ByteStream(far, { credit: window, lost: 'node_lost' });
    guest.on('error', () => undefined);
    Promise.resolve(handler(guest, JSON.parse(JSON.stringify(parameters)))).catch((error: Error) => guest.destroy(error));
    const stream = new ByteStream(near, { window, granted: window, lost: 'guest_lost' });
    stream.on('error', () => undefined);
    stream.write(Buffer.of(1));
    return stream;
  }
  async function ask(request: ProcessRequest): Promise<ProcessAnswer> {
    const stream = open(processesStream(table), request);
    stream.end();
    const parts: Buffer[] = [];
    for await (const bytes of stream) parts.push(bytes as Buffer);
    return processAnswer(Buffer.concat(parts));
  }
  async function start(request: Partial<StartProcess>): Promise<ProcessState> {
    const defaults = {
      argv: [],
      cwd: '',
      env: {},
      pty: null,
      stdin: true,
      onDisconnect: 'nothing',
      keepAwake: false,
      asRoot: false,
    } as const;
    const answer = await ask({ op: 'start', start: { ...defaults, ...request } });
    if ('refused' in answer || answer.processes[0] === undefined) throw new Error(JSON.stringify(answer));
    return answer.processes[0];
  }
  function attach(pid: number, more: { offset?: number | undefined; startedAtMs?: number } = { offset: 0 }, window?: number): Attached {
    const stream = open(processStream(table), { pid, ...more }, window);
    return attachedTo(stream);
  }
  return { directory: join(sessionDirectory, 'workspace'), table, ask, start, attach, open: () => open(processStream(table), {}) };
}

export function attachedTo(stream: ByteStream): Attached {
  const frames: OutputFrame[] = [];
  let output = '';
  let woken: () => void = () => undefined;
  const read = (async () => {
    for await (const frame of OUTPUT_FRAMES.decode(stream)) {
      const one = outputFrame(frame);
      if (one.kind === 'stdout' || one.kind === 'stderr') output += one.bytes.toString('latin1');
      else frames.push(one);
      woken();
    }
  })().catch(() => undefined);
  const send: Attached['send'] = (kind, value) =>
    void stream.write(INPUT_FRAMES.encode(kind, value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value))));
  return {
    stream,
    frames,
    text: () => output,
    send,
    type: (text) => void stream.write(INPUT_FRAMES.encode('stdin', Buffer.from(text))),
    async until(pattern) {
      while (!pattern.test(output))
        await new Promise<void>((resolve) => {
          woken = resolve;
        });
    },
    async last() {
      await read;
      return frames.at(-1);
    },
  };
}
