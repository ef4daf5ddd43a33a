import { StreamError } from '../../../proto/streams/reasons.ts';
import { pause } from '../../../seams/clock.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Asking, Attached } from '../../services/commands/process-service.ts';
import { ConnectError } from '../connect/codes.ts';
import { bytes, field, flag, integer, type Message, message, text, textMap, texts } from '../connect/fields.ts';
import type { E2bDeps } from '../exchange.ts';
import { type Call, type Calls, type InputCall, refusedCall, type StreamCall } from './connect-calls.ts';
import { endEvent } from './exit-status.ts';
import { OpenProcesses } from './open-processes.ts';
import { absolutePath } from './paths.ts';

const SERVICE = '/process.Process';
/** The only one that the SDKs use. Others are started by a shell, which answers 127 for a missing one. */
const SHELL = '/bin/bash';
const BY_SHELL = ['/bin/sh', '-c', 'exec "$0" "$@"'] as const;
/** A killed process is gone before its caller hears of it, if that takes no longer than this. */
const GONE_WITHIN_MS = 2000;
const LOOK_MS = 20;
const NOTHING = Buffer.alloc(0);

const resultOf = <T>(outcome: Outcome<T>): T => {
  if (outcome.ok) return outcome.value;
  throw refusedCall(outcome.refusal);
};

/** A call whose request names a process. */
type Selecting = Pick<Call, 'request' | 'access' | 'payer' | 'signal'>;

/** Processes and terminals of sandboxes. */
export function processCalls({ services: { processes }, tokens, budgets, clock, access: sandboxes, onRest }: E2bDeps): Calls {
  const open = new OpenProcesses();
  onRest((id) => {
    if (sandboxes.live(id) === undefined) open.forget(id);
  });
  const asking = ({ access, payer, signal }: Pick<Call, 'access' | 'payer' | 'signal'>): Asking => ({
    caller: access.caller,
    payer,
    signal,
  });

  /** Finds the process that a call names, by pid or by tag. */
  function pidIn({ request, access }: Selecting): number {
    const selector = message(field(request, 'process'));
    const tag = field(selector, 'tag');
    const pid = tag === undefined ? integer(selector, 'pid') : open.pidOf(access.sandbox.id, text(selector, 'tag'));
    if (pid === undefined || pid === 0) throw new ConnectError('not_found', 'The process does not exist.');
    return pid;
  }

  /** Passes on the output of a process until it ends, the client leaves, or `limitMs` is over. */
  async function follow(call: StreamCall, attached: Attached, isTerminal: boolean, limitMs?: number): Promise<void> {
    const { access, send, cut } = call;
    const { pid } = attached.process;
    let isLate = false;
    const timer =
      limitMs === undefined
        ? undefined
        : clock.after(limitMs, () => {
            isLate = true;
            attached.end();
          });
    const late = () => new ConnectError('deadline_exceeded', 'The time of the call was over. The process runs on.');
    const kept = open.add(access.sandbox.id, attached);
    try {
      if (!(await send({ event: { start: { pid } } }))) return;
      for await (const frame of attached.frames) {
        if (frame.kind === 'exit') {
          if (frame.end.timedOut === true) throw new ConnectError('deadline_exceeded', 'The process was killed because its time was over.');
          await send({ event: { end: endEvent(frame.end) } });
          return;
        }
        if (frame.kind !== 'stdout' && frame.kind !== 'stderr') continue;
        const name = isTerminal ? 'pty' : frame.kind;
        if (!(await send({ event: { data: { [name]: frame.bytes.toString('base64') } } }))) return;
      }
      if (isLate) throw late();
      cut();
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      if (isLate) throw late();
      cut();
    } finally {
      timer?.cancel();
      kept.end();
      attached.end();
    }
  }

  async function start(call: StreamCall): Promise<void> {
    const { request, access } = call;
    const config = message(field(request, 'process'));
    const terminal = field(request, 'pty');
    const user = call.user();
    const [cmd, args] = [text(config, 'cmd'), texts(config, 'args')];
    if (cmd === '') throw new ConnectError('invalid_argument', 'process.cmd must name a program.');
    const { sandbox } = access;
    const env = {
      ...tokens.unseal(sandbox.envs),
      ...{ E2B_SANDBOX: 'true', E2B_SANDBOX_ID: sandbox.id, E2B_TEMPLATE_ID: sandbox.template },
      ...textMap(config, 'envs'),
    };
    const pty = terminal === undefined ? undefined : sizeIn(terminal);
    const input = {
      argv: cmd === SHELL ? [cmd, ...args] : [...BY_SHELL, cmd, ...args],
      cwd: absolutePath(text(config, 'cwd'), user),
      env,
      user,
      stdin: flag(request, 'stdin') ?? true,
      timeoutMs: call.timeoutMs,
      ...(pty === undefined ? {} : { pty }),
    };
    const attached = resultOf(await processes.run(asking(call), access.session.id, input));
    const tag = text(request, 'tag');
    if (tag !== '') open.name(sandbox.id, tag, attached.process.pid);
    await follow(call, attached, pty !== undefined);
  }

  /** Sends to a process over the stream that follows it here, or over a new one. */
  async function input(call: Selecting, kind: 'stdin' | 'resize' | 'closeStdin', content: Uint8Array): Promise<void> {
    const pid = pidIn(call);
    const known = open.find(call.access.sandbox.id, pid);
    if (known !== undefined) {
      if (kind === 'stdin' && !known.takesInput) throw CLOSED;
      if (kind === 'closeStdin') known.closed();
      return known.attached.send(kind, content);
    }
    const attached = resultOf(await processes.attach(asking(call), call.access.session.id, pid, {}));
    try {
      if (attached.process.end !== null) throw new ConnectError('not_found', 'The process has ended.');
      if (kind === 'stdin' && !attached.process.stdinOpen) throw CLOSED;
      await attached.send(kind, content);
    } finally {
      attached.finish();
    }
  }

  /** Sends every piece of input of a stream to the process that its first message names. */
  async function streamInput(call: InputCall): Promise<object> {
    let selected: Selecting | undefined;
    for await (const sent of call.messages) {
      const [begun, data] = [field(sent, 'start'), field(sent, 'data')];
      if (begun !== undefined) {
        if (selected !== undefined) throw new ConnectError('invalid_argument', 'The stream has a process already.');
        selected = { ...call, request: message(begun) };
        const pid = pidIn(selected);
        if (open.find(call.access.sandbox.id, pid) === undefined) resultOf(await processes.get(asking(call), call.access.session.id, pid));
      } else if (data !== undefined) {
        if (selected === undefined) throw new ConnectError('invalid_argument', 'The first message must be start.');
        // Without a stream that follows the process, a piece costs what a request costs.
        if (open.find(call.access.sandbox.id, pidIn(selected)) === undefined) resultOf(budgets.charge('requests', call.payer));
        await input(selected, 'stdin', pieceIn(data));
      }
    }
    if (selected === undefined) throw new ConnectError('invalid_argument', 'The first message must be start.');
    return {};
  }

  async function signal(call: Call): Promise<object> {
    const pid = pidIn(call);
    const name = field(call.request, 'signal');
    const sent = name === 'SIGNAL_SIGTERM' || name === 15 ? 'TERM' : name === 'SIGNAL_SIGKILL' || name === 9 ? 'KILL' : undefined;
    if (sent === undefined) throw new ConnectError('invalid_argument', 'signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL.');
    const { id } = call.access.session;
    const found = await processes.signal(asking(call), id, pid, sent);
    if (!found.ok && found.refusal.code === 'CONFLICT') throw new ConnectError('not_found', 'The process has ended.');
    let running = resultOf(found).running;
    const deadline = clock.monotonic() + GONE_WITHIN_MS;
    while (sent === 'KILL' && running && clock.monotonic() < deadline) {
      await pause(clock, LOOK_MS);
      const again = await processes.get(asking(call), id, pid);
      running = again.ok && again.value.running;
    }
    return {};
  }

  async function list(call: Call): Promise<object> {
    const found = resultOf(await processes.list(asking(call), call.access.session.id));
    return {
      processes: found
        .filter(({ running }) => running)
        .map(({ id: pid, command }) => {
          const tag = open.tagOf(call.access.sandbox.id, pid);
          return { pid, ...(tag === undefined ? {} : { tag }), config: configOf(command) };
        }),
    };
  }

  return {
    unary: {
      [`${SERVICE}/List`]: list,
      [`${SERVICE}/SendSignal`]: signal,
      async [`${SERVICE}/SendInput`](call) {
        await input(call, 'stdin', pieceIn(call.request));
        return {};
      },
      async [`${SERVICE}/CloseStdin`](call) {
        await input(call, 'closeStdin', NOTHING);
        return {};
      },
      async [`${SERVICE}/Update`](call) {
        const terminal = field(call.request, 'pty');
        if (terminal !== undefined) await input(call, 'resize', Buffer.from(JSON.stringify(sizeIn(terminal))));
        return {};
      },
    },
    streams: {
      [`${SERVICE}/Start`]: start,
      async [`${SERVICE}/Connect`](call) {
        const attached = resultOf(await processes.attach(asking(call), call.access.session.id, pidIn(call), {}));
        await follow(call, attached, attached.process.pty !== null, call.timeoutMs);
      },
    },
    inputs: { [`${SERVICE}/StreamInput`]: streamInput },
  };
}

/** Returns the input in a message, for a terminal or not. */
function pieceIn(sent: unknown): Buffer {
  const piece = message(field(message(sent), 'input'));
  return bytes(piece, 'stdin') ?? bytes(piece, 'pty') ?? NOTHING;
}

const CLOSED = new ConnectError('internal', 'The standard input of the process is closed.');

function sizeIn(terminal: unknown): { readonly cols: number; readonly rows: number } {
  const size: Message = message(field(message(terminal), 'size'));
  return { cols: Math.max(1, integer(size, 'cols')), rows: Math.max(1, integer(size, 'rows')) };
}

/** The program and arguments of a command as lists show it. */
function configOf(command: string): object {
  const shell = /^\/bin\/bash (-l -c|-i -l) ?([\s\S]*)$/.exec(command);
  if (shell === null) return { cmd: command, args: [], envs: {} };
  const options = (shell[1] ?? '').split(' ');
  return { cmd: SHELL, args: shell[2] === '' ? options : [...options, shell[2]], envs: {} };
}
