import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { expect, Rest } from '../cluster/rest.ts';

export const IMAGE = 'raworc/session:flood';
export const PASSWORD = 'a password of the flood';
const LAUNCHER = new URL('../../controller/raworc-controller.mjs', import.meta.url).pathname;

const ready = z.object({ event: z.literal('controller.ready'), url: z.string(), node_port: z.number(), join_port: z.number() });
export interface Target {
  readonly url: string;
  readonly httpPort: number;
  readonly nodePort: number;
  readonly joinPort: number;
}

/** The controller as an operator starts it, with its default limits. */
export class FloodedController {
  readonly target: Target;
  readonly rest: Rest;
  readonly token: string;
  /** The launcher, which Node.js 24 replaces by the controller. */
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, target: Target, token: string) {
    this.#child = child;
    this.target = target;
    this.token = token;
    this.rest = new Rest(target.url, token);
  }

  static async start(directory: string): Promise<FloodedController> {
    const env = {
      ...process.env,
      RAWORC_DATA_DIR: directory,
      RAWORC_ADMIN_PASSWORD: PASSWORD,
      RAWORC_BASE_IMAGE_TAG: IMAGE,
      RAWORC_SLOTS: '0',
    };
    const ports = { RAWORC_HTTP_PORT: '0', RAWORC_NODE_PORT: '0', RAWORC_JOIN_PORT: '0' };
    const child = spawn(process.execPath, [LAUNCHER, 'serve'], { env: { ...env, ...ports }, stdio: ['ignore', 'pipe', 'pipe'] });
    const faults: string[] = [];
    const lines = createInterface({ input: child.stdout });
    child.stderr.on('data', (chunk) => faults.push(String(chunk)));
    const target = await new Promise<Target>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the controller ended with ${code}: ${faults.slice(-5).join('')}`)));
      lines.on('line', (line) => {
        const found = ready.safeParse(parsed(line));
        if (!found.success) return;
        const { url, node_port: nodePort, join_port: joinPort } = found.data;
        resolve({ url, httpPort: Number(new URL(url).port), nodePort, joinPort });
      });
    });
    const login = await new Rest(target.url, '').call('POST', '/auth/login', { user: 'admin', pass: PASSWORD });
    const { token } = z.object({ token: z.string() }).parse(expect(login, 200, 'login'));
    return new FloodedController(child, target, token);
  }

  /** Resident set with that of its processes, in bytes. The program's file is one for all of them. */
  async memoryBytes(): Promise<number> {
    const pid = String(this.#child.pid);
    const children = (await readFile(join('/proc', pid, 'task', pid, 'children'), 'utf8')).split(' ').filter(Boolean);
    const own = await Promise.all(children.map((child) => kibOf(child, 'RssAnon').catch(() => 0)));
    return (await kibOf(pid, 'VmRSS')) * 1024 + own.reduce((sum, kib) => sum + kib * 1024, 0);
  }

  /** Samples of the controller's metrics whose names begin so, by name and labels. */
  async metrics(prefix: string): Promise<Readonly<Record<string, number>>> {
    const response = await fetch(`${this.target.url}/metrics`, { headers: { authorization: `Bearer ${this.token}` } });
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(`raworc_${prefix}`));
    return Object.fromEntries(lines.map((line) => [line.slice(7, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]));
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.removeAllListeners('exit');
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

async function kibOf(pid: string, name: string): Promise<number> {
  const status = await readFile(join('/proc', pid, 'status'), 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
