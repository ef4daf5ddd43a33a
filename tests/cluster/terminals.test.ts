/**
 * Terminals and processes of a session, used by hand through `raworc shell`, and through all that can
 * happen on the way to them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Attachment, type Process, type ProcessPart, Raworc } from '../../sdk/raworc.ts';
import { pause } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import { within } from './deadline.ts';
import { docker, execIn } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { TestTerminal } from './test-terminal.ts';

const TOLD_WITHIN_MS = 2_000;
/** Counts up from 1, pausing without starting a process. */
const COUNT = 'i=0; while :; do i=$((i+1)); echo $i; read -rt 0.1; done';
const ESC = '\x1b';
const [CTRL_C, CTRL_D, CTRL_Z] = ['\x03', '\x04', '\x1a'];

const urlOf = (cluster: Cluster) => `http://127.0.0.1:${cluster.ports.http}`;

/** Reads a process that counts. */
class Reader {
  readonly attachment: Attachment;
  readonly process: Process;
  /** How it ended. */
  readonly ended: Promise<unknown>;
  output = '';
  last: ProcessPart['kind'] | undefined;
  readonly gaps: ProcessPart[] = [];
  readonly #looks = new Set<() => void>();

  constructor(raworc: Raworc, session: string, process: Process) {
    this.process = process;
    this.attachment = raworc.attach(session, process, { offset: 0 });
    this.ended = this.#read().catch((error: unknown) => error);
  }

  /** Resolves at once if it holds. */
  until(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
    return within(`process ${this.process.id}: ${what}`, limitMs, found);
  }

  /** Resolves once it has read more lines, all in order. */
  async goesOn(): Promise<void> {
    const { length } = this.numbers;
    await this.until('more lines', () => this.numbers.length >= length + 2);
  }

  get numbers(): readonly number[] {
    return this.output.split(/\r?\n/).slice(0, -1).map(Number);
  }

  get isWhole(): boolean {
    return this.gaps.length === 0 && this.numbers.every((number, index) => number === index + 1);
  }

  async #read(): Promise<ProcessPart | undefined> {
    let end: ProcessPart | undefined;
    for await (const part of this.attachment) {
      this.last = part.kind;
      if (part.kind === 'stdout') this.output += Buffer.from(part.bytes).toString();
      if (part.kind === 'gap') this.gaps.push(part);
      if (part.kind === 'exit') end = part;
      for (const look of [...this.#looks]) look();
    }
    return end;
  }
}

/** What people do at a terminal. */
async function byHand(t: Test, open: (...args: string[]) => TestTerminal): Promise<void> {
  const shell = open();
  await shell.until(/[$] /);
  shell.type('python3 -q\r');
  await shell.until(/>>> /);
  shell.type('6 * 7\r');
  await shell.until(/42\r\n>>> /);
  shell.type(`while True: pass\r\r`);
  await shell.until(/\.\.\. \r?\n/);
  shell.type(CTRL_C ?? '');
  await shell.until(/KeyboardInterrupt[\s\S]*>>> /);
  shell.type('"ü€😀".encode()[0:2]; "grüße €😀"[::-1]\r');
  await shell.until(/😀€ eßürg/);
  await shell.until(/>>> /);
  shell.type(CTRL_D ?? '');
  await shell.until(/[$] /);
  t.pass('a REPL, its interrupt, UTF-8 and the end of its input');
  // Its first line says that the shell has given it the terminal: until then, a return is no end of a line.
  shell.type("sh -c 'echo ready; exec cat'\r");
  await shell.until(/ready\r\n/);
  shell.type('typed\r');
  await shell.until(/typed\r\ntyped\r\n/);
  shell.type(CTRL_Z ?? '');
  await shell.until(/Stopped[\s\S]*[$] /);
  shell.type('fg\r');
  await shell.until(/exec cat'\r\n/);
  shell.type(`again\r`);
  await shell.until(/again\r\nagain\r\n/);
  shell.type(CTRL_C ?? '');
  await shell.until(/[$] /);
  t.pass('a job is stopped, continued and interrupted');
  shell.type('stty size\r');
  await shell.until(/[\r\n]24 80\r\n/);
  shell.resize(101, 33);
  shell.type('until [ "$(stty size)" = "33 101" ]; do read -rt 0.05; done; stty size\r');
  await shell.until(/[\r\n]33 101\r\n/);
  await shell.until(/[$] /);
  shell.type('top -d 0.2\r');
  await shell.until(/top - [\s\S]*PID[\s\S]*bash/);
  shell.resize(60, 20);
  await shell.until(new RegExp(`${ESC}\\[20;1H`));
  shell.type('q');
  await shell.until(/[$] /);
  t.pass('the size of the terminal, also while a program has it');
  shell.type('left=here\r~.');
  const [, id = ''] = /--attach (\d+)/.exec(await shell.until(/--attach \d+/)) ?? [];
  t.equal(await within('the shell to be left', 5_000, shell.ended), 'code 0');
  const again = open('--attach', id);
  again.type('echo still $left; exit 7\r');
  await again.until(/still here/);
  t.equal(await within('the shell to end', 5_000, again.ended), 'code 7', 'it was left, found again, and its exit code comes through');
}

t.setTimeout(120_000);
t.test('terminals and processes go on whatever is killed on the way to them', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { id } = await cluster.rest.createSession();
  const password = (await readFile(join(cluster.directory, 'controller', 'admin-password'), 'utf8')).trim();
  const raworc = new Raworc({ url: urlOf(cluster), login: { user: 'admin', pass: password } });
  const { token } = (await cluster.rest.call('POST', '/auth/login', { user: 'admin', pass: password })).body as { token: string };
  const environment = { ...process.env, TERM: 'xterm', HOME: cluster.directory, RAWORC_URL: urlOf(cluster), RAWORC_TOKEN: token };
  const opened: TestTerminal[] = [];
  const open = (...args: string[]) => {
    const terminal = new TestTerminal(process.execPath, ['cli/main.ts', 'shell', id, ...args], environment as Record<string, string>);
    opened.push(terminal);
    return terminal;
  };
  t.teardown(async () => {
    for (const terminal of opened) {
      try {
        terminal.kill();
      } catch {
        // It has ended.
      }
    }
  });
  const began = performance.now();
  const took = (what: string) => t.comment(`${what}: ${Math.round(performance.now() - began)} ms`);
  await byHand(t, open);
  took('by hand');

  const start = (pty?: { cols: number; rows: number }) =>
    raworc.processes.start(id, { argv: ['bash', '-c', COUNT], ...(pty === undefined ? {} : { pty }) });
  const processes = await Promise.all([
    ...Array.from({ length: 20 }, () => start()),
    ...Array.from({ length: 5 }, () => start({ cols: 80, rows: 24 })),
  ]);
  const readers = processes.map((process) => new Reader(raworc, id, process));
  t.teardown(() => {
    for (const { attachment } of readers) attachment.close();
  });
  const all = (run: (reader: Reader) => Promise<unknown>) => Promise.all(readers.map(run));
  const lost = () => all((reader) => reader.until('to be told of the loss', () => reader.last === 'lost'));
  const whole = () =>
    t.same(
      readers.filter(({ isWhole }) => !isWhole).map(({ output, gaps }) => [output, gaps]),
      [],
    );
  await all((reader) => reader.goesOn());
  took('started');

  const counting = String(processes.at(-1)?.id);
  const client = open('--attach', counting);
  await client.until(/\n3\r\n/);
  client.kill();
  await client.ended;
  const next = open('--attach', counting);
  await next.until(/\r\n(\d+)\r\n/);
  await readers.at(-1)?.goesOn();
  took('client killed');

  await cluster.controller.end('SIGKILL');
  await lost();
  await cluster.startController();
  await all((reader) => reader.goesOn());
  whole();
  took('controller killed');

  const killed = performance.now();
  await cluster.node('node-1').kill();
  await lost();
  t.ok(performance.now() - killed < TOLD_WITHIN_MS, 'the loss of the node agent was told');
  await cluster.restartNode('node-1');
  await all((reader) => reader.goesOn());
  whole();
  took('node agent killed');

  t.equal((await cluster.rest.call('POST', `/sessions/${id}/pause?wait=20s`)).status < 300, true);
  took('paused');
  t.equal((await cluster.rest.call('POST', `/sessions/${id}/resume?wait=20s`)).status < 300, true);
  await all((reader) => reader.goesOn());
  whole();
  took('resumed');

  const before = performance.now();
  await execIn((await cluster.rest.session(id)).container_id ?? '', ['sh', '-c', 'kill -9 $(pgrep -f guest.mjs)']);
  await allTold(t, 'the guest', readers, before);
  t.equal(await within('the shell to end', 5_000, next.ended), 'code 1');
  took('guest killed');
  const again = await within('the session to be back', 30_000, startedAgain(start));
  const others = [again, await start({ cols: 80, rows: 24 })].map((process) => new Reader(raworc, id, process));
  for (const reader of others) await reader.goesOn();
  const then = performance.now();
  await docker.getContainer((await cluster.rest.session(id)).container_id ?? '').kill();
  await allTold(t, 'the container', others, then);
  took('container killed');
});

/** Fails unless all are told at once that the way to their processes is lost, and then that these have ended. */
async function allTold(t: Test, what: string, readers: readonly Reader[], since: number): Promise<void> {
  await Promise.all(readers.map((reader) => reader.until('to be told of the loss', () => reader.last === 'lost')));
  const tookMs = Math.round(performance.now() - since);
  t.ok(tookMs < TOLD_WITHIN_MS, `${tookMs} ms until all were told of the end of ${what}`);
  const ends = await within('the end of all', 20_000, Promise.all(readers.map(({ ended }) => ended)));
  t.match(
    ends,
    readers.map(() => ({ status: 404 })),
  );
}

/** Resolves once a session takes processes again. */
async function startedAgain(start: () => Promise<Process>): Promise<Process> {
  for (;;) {
    try {
      return await start();
    } catch {
      await pause(systemClock, 100);
    }
  }
}
