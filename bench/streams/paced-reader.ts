import { spawn } from 'node:child_process';
import { get } from 'node:http';
import type { Readable } from 'node:stream';

/** More than a stream's window. */
const RUNNING_BYTES = 1_500_000;

/** Reads endless bytes at a pace, like a client across a network: unpaced ones would use all processor time. */
export interface PacedReader {
  /** Resolves once the source has filled every buffer on its way. */
  readonly running: Promise<void>;
  /** Returns the bytes read so far. */
  close(): number;
}

/** Of a byte stream, from the port of tests/streams/controller.ts. `pace` is in bytes per second; 0: unlimited. */
export function ofStream(port: number, path: string, pace: number): PacedReader {
  const { take, running, bytes } = paced(pace);
  const request = get({ host: '127.0.0.1', port, path, agent: false }, take);
  request.on('error', () => undefined);
  return {
    running,
    close() {
      request.destroy();
      return bytes();
    },
  };
}

/** The engine goes on reading what a command prints after its client is gone. This one ends with its client. */
const ENDLESS = 'cat /dev/zero & read _; kill $!';

/** Of `docker exec CONTAINER cat /dev/zero`. */
export function ofExec(container: string, pace: number): PacedReader {
  const { take, running, bytes } = paced(pace);
  const child = spawn('docker', ['exec', '--interactive', container, 'sh', '-c', ENDLESS], { stdio: ['pipe', 'pipe', 'ignore'] });
  take(child.stdout);
  return {
    running,
    close() {
      child.stdin.end();
      child.stdout.destroy();
      child.kill('SIGKILL');
      return bytes();
    },
  };
}

function paced(pace: number) {
  let bytes = 0;
  const { promise: running, resolve } = Promise.withResolvers<void>();
  const take = (source: Readable) => {
    const began = performance.now();
    source.on('data', (piece: Buffer) => {
      bytes += piece.byteLength;
      if (bytes > RUNNING_BYTES) resolve();
      const aheadMs = pace === 0 ? 0 : (bytes / pace) * 1000 - (performance.now() - began);
      if (aheadMs < 5) return;
      source.pause();
      setTimeout(() => source.resume(), aheadMs);
    });
    source.on('error', () => undefined);
  };
  return { take, running, bytes: () => bytes };
}
