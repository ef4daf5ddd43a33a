import type { Socket } from 'node:net';
import { type Dialled, encodeDialled, encodePorts, portRequest, portsRequest } from '../../proto/streams/port-stream.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import type { Clock } from '../../seams/clock.ts';
import { keyOf, listeningPorts } from '../ports/listening.ts';
import type { Connect, ReadTables } from '../ports/system-ports.ts';
import type { StreamHandler } from './stream-kinds.ts';

/**
 * A program listens on one of these or on all addresses. Nothing outside of the session can be
 * reached. The guest itself and the relay of models have Unix sockets only.
 */
const HOSTS = ['127.0.0.1', '::1'] as const;
/** A program that accepts nothing keeps its connections in the kernel's queue, where they are connected. */
const CONNECT_MS = 10_000;
/** While somebody follows. */
const LOOK_MS = 1000;

/** Connects the stream with a port of the session. */
export const portStream =
  (connect: Connect, clock: Clock): StreamHandler =>
  async (stream, parameters) => {
    const { port } = portRequest(parameters);
    let dialled: Dialled = 'refused';
    for (const host of HOSTS) {
      const tried = await dial(connect, host, port, clock);
      if (typeof tried === 'string') {
        // The first failure other than a refusal is the more telling one.
        if (dialled === 'refused') dialled = tried;
        continue;
      }
      if (stream.destroyed) return void tried.destroy();
      stream.write(encodeDialled('connected'));
      tried.on('error', (error) =>
        stream.destroy(new StreamError('failed', `The program in the session closed the connection: ${codeOf(error)}.`)),
      );
      tried.once('close', () => {
        if (!stream.writableEnded) stream.destroy(new StreamError('failed', 'The program in the session closed the connection.'));
      });
      // A reader that goes early resets the connection, so that the program learns of it. Otherwise
      // the program still gets what was sent to it, and the connection closes by itself.
      stream.once('close', () => {
        if (!stream.isComplete) tried.resetAndDestroy();
      });
      stream.pipe(tried);
      tried.pipe(stream);
      return;
    }
    stream.resume();
    stream.end(encodeDialled(dialled));
  };

function dial(connect: Connect, host: string, port: number, clock: Clock): Promise<Socket | Exclude<Dialled, 'connected'>> {
  return new Promise((resolve) => {
    const socket = connect(host, port);
    const fail = (how: Exclude<Dialled, 'connected'>) => {
      timer.cancel();
      socket.destroy();
      resolve(how);
    };
    const timer = clock.after(CONNECT_MS, () => fail('timeout'));
    const failed = (error: Error) => fail(['ECONNREFUSED', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error)) ? 'refused' : 'failed');
    socket.once('error', failed);
    socket.once('connect', () => {
      timer.cancel();
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : 'unknown');

/** Lists the ports on which programs of the session listen, and with `follow` each change. */
export const portsStream =
  (readTables: ReadTables, clock: Clock): StreamHandler =>
  async (stream, parameters) => {
    const { follow } = portsRequest(parameters);
    stream.resume();
    let isOver = false;
    let wake: () => void = () => undefined;
    const over = () => {
      isOver = true;
      wake();
    };
    stream.once('end', over);
    stream.once('close', over);
    let last = '';
    for (;;) {
      const ports = listeningPorts(...(await readTables()));
      if (stream.destroyed) return;
      // A reader that is slow misses what lies between two lists.
      if (keyOf(ports) !== last && !stream.writableNeedDrain) {
        last = keyOf(ports);
        stream.write(encodePorts(ports));
      }
      if (!follow || isOver) return void stream.end();
      await new Promise<void>((resolve) => {
        const timer = clock.after(LOOK_MS, resolve);
        wake = () => {
          timer.cancel();
          resolve();
        };
        if (isOver) wake();
      });
    }
  };
