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
