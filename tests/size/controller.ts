import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { z } from 'zod';
import { childMessage } from '../child-message.ts';
import { expect, Rest } from '../cluster/rest.ts';
import { type HollowNode, startHollowNode } from '../contract/hollow-node.ts';
import { silent } from '../unit/controller/core.ts';

const IMAGE = 'raworc/session:size';
const PASSWORD = 'a password of the size tests';

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
const loggedShape = z.object({ level: z.string(), event: z.string(), fields: z.record(z.string(), z.unknown()) });

/** A controller in a process of its own, so that its memory can be measured, with a hollow node in this one. */
export class SizedController {
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly url: string;
  readonly token: string;
  readonly rest: Rest;
  readonly logged: Logged[] = [];
  readonly #looks = new Set<(line: Logged) => void>();

  private constructor(directory: string, child: ChildProcess, url: string, token: string) {
    this.#directory = directory;
    this.#child = child;
    this.url = url;
    this.token = token;
    this.rest = new Rest(url, token);
    child.on('message', (message) => {
      const line = loggedShape.safeParse(message);
      if (!line.success) return;
      this.logged.push(line.data);
      for (const look of [...this.#looks]) look(line.data);
    });
  }

  static async start(t: Test, directory?: string): Promise<SizedController> {
    const root = directory ?? (await mkdtemp(join(tmpdir(), 'raworc-size-')));
    if (directory === undefined) t.teardown(() => rm(root, { recursive: true, force: true }));
    const child = fork(new URL('./controller-process.ts', import.meta.url), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, RAWORC_TEST_DIRECTORY: join(root, 'controller') },
    });
    t.teardown(() => end(child));
    const { url } = z.object({ url: z.string() }).parse(await childMessage(child, 'url'));
    const login = await new Rest(url, '').call('POST', '/auth/login', { user: 'admin', pass: PASSWORD });
    const { token } = z.object({ token: z.string() }).parse(expect(login, 200, 'login'));
    return new SizedController(root, child, url, token);
  }

  /** A node whose engine only pretends, ready. */
  async node(t: Test): Promise<HollowNode> {
    const events = await this.rest.watch('/events');
    const node = await startHollowNode({
      ...{ name: 'hollow', directory: join(this.#directory, 'node'), token: await this.rest.nodeToken(), image: IMAGE, log: silent },
    });
    t.teardown(() => node.close());
    await events.until('the node is ready', ({ type }) => type === 'node.ready');
    events.close();
    return node;
  }

  /** Ends this process, and starts another one on the same directory. */
  async restart(t: Test): Promise<SizedController> {
    await end(this.#child);
    return SizedController.start(t, this.#directory);
  }

  /** The most memory that the process had (resident set) since this was last asked. */
  async peakBytes(): Promise<number> {
    this.#child.send('peak');
    return z.object({ peakBytes: z.number() }).parse(await childMessage(this.#child, 'peakBytes')).peakBytes;
  }

  /** The sum of a metric's samples whose labels hold that text. */
  async metric(name: string, labels = ''): Promise<number> {
    const response = await fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${this.token}` } });
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(`raworc_${name}`) && line.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** The first line of the log about that, of now or later. */
  untilLogged(event: string): Promise<Logged> {
    const known = this.logged.find((line) => line.event === event);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      const look = (line: Logged) => {
        if (line.event !== event) return;
        this.#looks.delete(look);
        resolve(line);
      };
      this.#looks.add(look);
    });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.send('end');
  else child.kill('SIGKILL');
  await exited;
}
