import { once } from 'node:events';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { expect, type Rest } from '../cluster/rest.ts';

/** On which Vite listens. */
export const DEV_PORT = 5173;
export const STYLE = '/home/user/app/src/style.css';

const ran = z.object({ exit_code: z.number().nullable(), stdout: z.string(), stderr: z.string() });

/** Creates a project in a workstation as people do, and starts its development server. Resolves to the server's process. */
export async function startDevServer(rest: Rest, session: string): Promise<number> {
  const command = 'npm create --yes vite@8 app -- --template vanilla-ts --no-interactive && cd app && npm install --no-audit --no-fund';
  const exec = { argv: ['bash', '-lc', command], timeout_ms: 280_000 };
  const made = ran.parse(expect(await rest.call('POST', `/sessions/${session}/exec`, exec), 200, 'create the project'));
  if (made.exit_code !== 0) throw new Error(`the project was not created: ${made.stdout} ${made.stderr}`);
  const ports = await rest.watch(`/sessions/${session}/ports?follow=true`);
  try {
    await ports.until('the ports of before', ({ type }) => type === 'ports');
    const server = { argv: ['bash', '-lc', 'exec npm run dev'], cwd: '/home/user/app' };
    const { id } = z
      .object({ id: z.number() })
      .parse(expect(await rest.call('POST', `/sessions/${session}/processes`, server), 201, 'start'));
    await ports.until('the development server', ({ type, data }) => type === 'opened' && data.port === DEV_PORT, 60_000);
    return id;
  } finally {
    ports.close();
  }
}

/** Changes the style of the page through the files of the session. */
export async function changeStyle(rest: Rest, session: string, style: string): Promise<void> {
  const path = `/sessions/${session}/files?path=${STYLE}`;
  expect(await rest.send('PUT', path, style, 'application/octet-stream'), 200, 'change the style');
}

/** A page as a browser loads it: its modules, and the connection over which the server tells it of changes. */
export class Page {
  readonly #at: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #told: string[] = [];
  #look = () => {};
  #socket: WebSocket | undefined;

  /** `at` is the address of the port below the API. */
  constructor(at: string, token: string) {
    this.#at = at;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** Resolves to the page. */
  async open(): Promise<string> {
    const socket = new WebSocket(`${this.#at.replace('http', 'ws')}/`, 'vite-hmr', { headers: this.#headers });
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#told.push(String(data));
      this.#look();
    });
    await once(socket, 'open');
    const page = await this.#get('/');
    // A server knows of a change only to what was asked for.
    for (const path of ['/src/main.ts', '/src/style.css']) await this.#get(path, { 'sec-fetch-dest': 'script' });
    return page;
  }

  /** Resolves once the server has told the page of something. */
  async until(what: RegExp): Promise<string> {
    for (;;) {
      const found = this.#told.find((text) => what.test(text));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  /** Closed by the test's end too. */
  close(): void {
    this.#socket?.terminate();
  }

  async #get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await fetch(`${this.#at}${path}`, { headers: { ...this.#headers, ...headers } });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.text();
  }
}
