import type { EventEmitter } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pause } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import { type Attack, addressOf } from './attack.ts';

async function dial(port: number, index: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: addressOf(index) });
  const leave = () => socket.destroy();
  socket.setMaxListeners(0);
  socket.on('error', () => undefined);
  socket.once('close', () => signal.removeEventListener('abort', leave));
  signal.addEventListener('abort', leave);
  await first(socket, 'connect', 'close');
  return socket;
}

/** Resolves with the first of these events. A stranger does not mind errors. */
function first(emitter: EventEmitter, ...events: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const listeners = events.map((event) => {
      const listener = () => {
        for (const [name, known] of listeners) emitter.off(name, known);
        resolve(event);
      };
      return [event, listener] as const;
    });
    for (const [name, listener] of listeners) emitter.on(name, listener);
  });
}

/** Says one thing after another for as long as the connection lasts. */
async function trickle(socket: Socket, text: string, everyMs: number, signal: AbortSignal): Promise<string> {
  socket.resume();
  while (!socket.closed && !signal.aborted) {
    socket.write(text);
    const next = new AbortController();
    const over = () => next.abort();
    socket.once('close', over);
    signal.addEventListener('abort', over, { once: true });
    await pause(systemClock, everyMs, next.signal);
    socket.off('close', over);
    signal.removeEventListener('abort', over);
  }
  return socket.closed && !signal.aborted ? 'closed by the controller' : 'held until the end';
}

const slowHeaders: Attack = {
  name: 'slow headers',
  many: 'connections',
  async once({ target }, index, signal) {
    const socket = await dial(target.httpPort, index, signal);
    socket.write('GET /api/v0/version HTTP/1.1\r\nHost: x\r\n');
    return trickle(socket, `X-Slow-${index}: ${'x'.repeat(100)}\r\n`, 1000, signal);
  },
};

const unfinishedBodies: Attack = {
  name: 'unfinished bodies',
  many: 'connections',
  async once({ target }, index, signal) {
    const socket = await dial(target.httpPort, index, signal);
    const length = index % 2 === 0 ? 16_000 : 1_000_000;
    socket.write(
      `POST /api/v0/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(Math.min(length, 600_000) - 1000)}`,
    );
    return trickle(socket, 'x', 1000, signal);
  },
};

/** The first bytes of a TLS handshake, which never goes on. */
const CLIENT_HELLO = Buffer.from('16030102000100', 'hex');

const handshakes: Attack = {
  name: 'TLS and h2 handshakes',
  many: 'connections',
  async once({ target }, index, signal) {
    const port = index % 4 < 2 ? target.nodePort : target.joinPort;
    const socket = await dial(port, index, signal);
    if (socket.closed) return 'refused at once';
    if (index % 2 === 0) {
      socket.write(CLIENT_HELLO);
      return trickle(socket, '', 1000, signal);
    }
    const secured = connectTls({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    secured.on('error', () => undefined);
    await first(secured, 'secureConnect', 'close');
    secured.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    return trickle(socket, '', 1000, signal);
  },
};

const JOIN = '/raworc.node.v0.NodeProtocol/Join';

const joinCalls: Attack = {
  name: 'join calls',
  many: 'connections',
  async once({ target }, index, signal) {
    const socket = await dial(target.joinPort, index, signal);
    if (socket.closed) return 'refused at once';
    const session = connectHttp2(`https://127.0.0.1:${target.joinPort}`, {
      createConnection: () => connectTls({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false }),
    });
    session.on('error', () => undefined);
    try {
      const stream = session.request({ ':method': 'POST', ':path': JOIN, 'content-type': 'application/grpc', te: 'trailers' });
      stream.on('error', () => undefined);
      // A message of 8 MiB is announced, and part of it comes.
      stream.write(Buffer.concat([Buffer.from([0, 0, 0x80, 0, 0]), Buffer.alloc(64 * 1024, index)]));
      return (await first(stream, 'response', 'close')) === 'response' ? 'refused' : 'cut';
    } finally {
      session.destroy();
    }
  },
};

const wrongLogins: Attack = {
  name: 'wrong logins',
  many: 'connections',
  async once({ target }, index, signal) {
    const socket = await dial(target.httpPort, index, signal);
    let count = 0;
    try {
      while (!signal.aborted && !socket.closed) {
        count += 1;
        const body = JSON.stringify({ user: index % 2 === 0 ? 'admin' : `nobody-${index}-${count}`, pass: `wrong ${count}` });
        socket.write(
          `POST /api/v0/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        if (!socket.closed) await first(socket, 'data', 'close');
        await pause(systemClock, 20, signal);
      }
      return `about ${Math.ceil(count / 100) * 100} on a connection`;
    } finally {
      socket.destroy();
    }
  },
};

export const strangerAttacks: readonly Attack[] = [slowHeaders, unfinishedBodies, handshakes, joinCalls, wrongLogins];
