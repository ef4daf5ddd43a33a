import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Bus } from '../../controller/bus/bus.ts';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function startServer(port: number, ...more: string[]): Promise<ChildProcess> {
  const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(port), ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
  // Read to the end: a server whose log nobody takes dies of it.
  await new Promise<void>((resolve, reject) => {
    let said = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('Server is ready')) resolve();
    });
    server.once('error', reject).once('exit', () => reject(new Error(`nats-server ended: ${said}`)));
  });
  return server;
}

export async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

export function whenState(bus: Bus, wanted: boolean): Promise<void> {
  if (bus.connected === wanted) return Promise.resolve();
  return new Promise((resolve) => {
    const subscription = bus.onState((connected) => {
      if (connected !== wanted) return;
      subscription.close();
      resolve();
    });
  });
}
