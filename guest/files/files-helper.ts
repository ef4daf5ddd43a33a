import type { ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import { Channels } from '../../proto/streams/channels.ts';
import { Passage } from '../../proto/streams/passage.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { StreamRelay } from '../streams/stream-kinds.ts';
import type { Groups } from '../workers/bounds/groups.ts';
import { spawnFirst } from '../workers/program.ts';
import type { User } from '../workers/user.ts';

/** A helper that nobody used for this long ends, and gives its memory back to the session. */
const IDLE_MS = 300_000;
/** A helper that answers nothing for twice as long was stopped, or the session has no memory for it. */
const ANSWER_MS = 10_000;
/** Its heap stays small: contents only pass through. */
const FLAGS = ['--max-old-space-size=96', '--max-semi-space-size=4'];

export interface FilesHelperOptions {
  /** The helper's program. */
  readonly program: string;
  readonly sessionDirectory: string;
  readonly path: string;
  readonly user: User | undefined;
  readonly groups: Groups | undefined;
  readonly clock: Clock;
  readonly prepare: () => void;
  /** Called when a first stream opens, and when the last one has ended. */
  readonly running: (isRunning: boolean) => void;
}

interface Helper {
  readonly child: ChildProcess;
  readonly channels: Channels;
  readonly passages: Set<Passage>;
  idle: Timer | undefined;
  /** Runs while an answer is awaited. */
  silence: Timer | undefined;
}

/**
 * The process that works on files, as the session's user: what that user cannot do, no path and no
 * link can make it do. It starts with the first use and stays for the next ones. The guest only
 * passes frames on, and trusts none of them, since an agent of the same user can take the helper over.
 */
export class FilesHelper {
  readonly #options: FilesHelperOptions;
  #helper: Helper | undefined;

  constructor(options: FilesHelperOptions) {
    this.#options = options;
  }

  /** Passes a stream on to the helper. Throws if it cannot be started. */
  readonly relay: StreamRelay = (node, { parametersJson, credit }) =>
    new Promise((resolve) => {
      const helper = this.#helper ?? this.#start();
      const link = helper.channels.start(parametersJson, credit);
      if (link === undefined) {
        node.send({ kind: 'reset', reason: 'failed', message: "The session's file helper is busy. Retry in a moment." });
        node.close();
        return resolve();
      }
      this.#await(helper);
      const passage = new Passage({
        guest: link,
        controller: node,
        credit,
        lost: { guest: 'failed', controller: 'node_lost' },
        passed: () => undefined,
        ended: () => {
          helper.passages.delete(passage);
          if (helper.passages.size === 0) this.#rest(helper);
          resolve();
        },
      });
      helper.passages.add(passage);
      helper.idle?.cancel();
      if (helper.passages.size === 1) this.#options.running(true);
    });

  close(): void {
    this.#end(this.#helper);
  }

  #start(): Helper {
    const { program, sessionDirectory, path, user, groups, clock, prepare } = this.#options;
    prepare();
    const group = groups?.take();
    if (groups !== undefined && group === undefined) throw new Error('all group ids for processes are in use');
    const child = spawnFirst(groups !== undefined, process.execPath, [...FLAGS, program, sessionDirectory], {
      cwd: '/',
      env: { PATH: path, LANG: 'C.UTF-8' },
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: group ?? user.gid }),
    });
    const pipe = child.stdio[3];
    if (!(pipe instanceof Duplex)) throw new Error('a child without a channel');
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      helper.idle?.cancel();
      helper.silence?.cancel();
      if (this.#helper === helper) this.#helper = undefined;
      helper.channels.close();
      if (child.pid !== undefined) kill(child);
      if (group !== undefined) groups?.release(group);
    };
    const helper: Helper = {
      child,
      channels: new Channels(pipe, clock, { closed: over }),
      passages: new Set(),
      idle: undefined,
      silence: undefined,
    };
    child.once('error', over);
    child.once('exit', over);
    helper.channels.onHeard(() => {
      helper.silence?.cancel();
      helper.silence = undefined;
    });
    this.#helper = helper;
    return helper;
  }

  /** Any frame is an answer: a helper that lives grants credit at once. */
  #await(helper: Helper): void {
    const { clock } = this.#options;
    // Twice: the time of a pause passes at once, before anything that came is read.
    helper.silence ??= clock.after(ANSWER_MS, () => {
      helper.silence = clock.after(ANSWER_MS, () => this.#end(helper));
    });
  }

  #rest(helper: Helper): void {
    this.#options.running(false);
    if (this.#helper !== helper) return;
    helper.idle = this.#options.clock.after(IDLE_MS, () => this.#end(helper));
  }

  #end(helper: Helper | undefined): void {
    if (helper === undefined) return;
    if (this.#helper === helper) this.#helper = undefined;
    helper.channels.close();
    kill(helper.child);
  }
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
