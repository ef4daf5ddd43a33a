import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Context } from 'koa';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Release } from '../../services/budget/at-once.ts';
import type { Budgets } from '../../services/budget/budgets.ts';
import type { Payer } from '../../services/budget/payer.ts';
import { PendingConnections } from '../../services/budget/pending-connections.ts';
import type { ClientAddresses } from './client-address.ts';

export interface ConnectionsDeps {
  readonly budgets: Budgets;
  readonly addresses: ClientAddresses;
  readonly metrics: Metrics;
}

interface Connection {
  /** What is ended: below TLS is another socket, which is not to be ended under a request. */
  socket: Socket;
  readonly network: string;
  /** TLS is done, or there is none. */
  isReady: boolean;
  /** Answers that are not closed yet. */
  answers: number;
  /** Listener for the `close` of an answer: one per connection, not one per request. */
  readonly answered: () => void;
  /** Once a request has proved who it is; until then the connection is a stranger's. */
  release: Release | undefined;
}

/**
 * The connections of the server. Unauthenticated ones make room for newer ones, the oldest first, so that holding many of them open does not
 * keep others out. On close, connections without a request are ended: Node.js's own closeIdleConnections leaves those that never carried one,
 * and clients open such connections ahead of use.
 */
export class Connections {
  readonly #budgets: Budgets;
  readonly #addresses: ClientAddresses;
  readonly #all = new Map<Socket, Connection>();
  readonly #byPeer = new Map<string, Connection>();
  readonly #strangers: PendingConnections<Connection>;
  readonly #cut: Counter<'reason'>;
  #closing = false;

  constructor({ budgets, addresses, metrics }: ConnectionsDeps) {
    this.#budgets = budgets;
    this.#addresses = addresses;
    const { process, address = process } = budgets.limits.atOnce.stranger_connections;
    this.#strangers = new PendingConnections({ perAddress: address, inAll: process });
    this.#cut = metrics.counter({
      name: 'http_connections_cut_total',
      help: 'Connections that were cut, by reason.',
      labels: ['reason'],
    });
    metrics.gauge({
      name: 'http_connections',
      help: 'Open connections: of strangers, or of callers who have proved who they are.',
      labels: ['of'],
      read: () => [
        { labels: { of: 'strangers' }, value: this.#strangers.size },
        { labels: { of: 'callers' }, value: budgets.held('connections') },
      ],
    });
  }

  attach(server: Server): void {
    const isTls = server instanceof TlsServer;
    server.on('connection', (socket: Socket) => this.#opened(socket, !isTls));
    if (isTls) server.on('secureConnection', (socket: Socket) => this.#secured(socket));
    server.on('request', ({ socket }: IncomingMessage, res: ServerResponse) => {
      const connection = this.#all.get(socket);
      if (connection === undefined) return;
      connection.answers += 1;
      res.on('close', connection.answered);
    });
    server.on('drop', () => this.#cut.add(1, { reason: 'too_many' }));
  }

  /** A request on it has proved who it is. */
  admitted(socket: Socket, payer: Payer): Outcome<unknown> | undefined {
    const connection = this.#all.get(socket);
    if (connection === undefined || connection.release !== undefined) return undefined;
    const place = this.#budgets.take('connections', payer);
    if (!place.ok) return place;
    connection.release = place.value;
    this.#strangers.delete(connection);
    return undefined;
  }

  /** Ends what carries no request now, and the rest as soon as its requests are answered. */
  closeWhenIdle(): void {
    this.#closing = true;
    for (const { socket, answers, isReady } of new Set(this.#all.values())) {
      if (!isReady) socket.destroy();
      else if (answers === 0) end(socket);
    }
  }

  #opened(socket: Socket, isReady: boolean): void {
    const { network, isProxy } = this.#addresses.peerOf(socket);
    const answered = () => {
      connection.answers -= 1;
      if (this.#closing && connection.answers === 0) end(connection.socket);
    };
    const connection: Connection = { socket, network, isReady, answers: 0, answered, release: undefined };
    const peer = peerOf(socket);
    this.#all.set(socket, connection);
    this.#byPeer.set(peer, connection);
    socket.once('close', () => {
      this.#all.delete(socket);
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
      this.#strangers.delete(connection);
      connection.release?.();
    });
    // All clients behind a trusted proxy come over its connections.
    const oldest = isProxy ? undefined : this.#strangers.add(connection);
    if (oldest === undefined) return;
    this.#cut.add(1, { reason: 'too_many_strangers' });
    oldest.socket.destroy();
  }

  /** TLS is done: the same connection, by the socket that its requests name. */
  #secured(socket: Socket): void {
    const connection = this.#byPeer.get(peerOf(socket));
    if (connection === undefined) return;
    connection.socket = socket;
    connection.isReady = true;
    this.#all.set(socket, connection);
    socket.once('close', () => this.#all.delete(socket));
  }
}

/** What is ended already only waits for its client, which is not waited for any longer. */
function end(socket: Socket): void {
  if (!socket.writableEnded) socket.end();
  else if (socket.writableFinished) socket.destroy();
  else socket.once('finish', () => socket.destroy());
}

/** Whether the client has gone: an answer's `close` is over then, and releases nothing. */
export const hasLeft = (ctx: Pick<Context, 'req'>): boolean => ctx.req.socket.destroyed;

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`;
