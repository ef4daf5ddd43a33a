import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { relayedHeaders, relayHttp } from '../../proto/streams/http-relay.ts';
import type { Clock } from '../../seams/clock.ts';
import { streamOpened } from '../../seams/garbage.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import type { Counter, Metrics } from '../../seams/metrics.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { isDigest, type RegistryRequest, registryRequest } from '../domain/images/registry-request.ts';
import { ByteTurns } from '../services/budget/byte-turns.ts';
import type { Upstream } from './upstream.ts';

const HEADERS_MS = 10_000;
/**
 * Enough for a host that has just joined, or for a new build on a few hosts. Regained more slowly
 * than layers pass with rests.
 */
const BURST = { bytes: 1024 * 1024 * 1024, perMs: 16_000 } as const;

/** What each node can do in the registry, and what the proxy learns from its answers. */
export interface RegistryRights {
  mayPull(nodeId: NodeId, repository: string): boolean;
  mayPush(nodeId: NodeId, repository: string, tag?: string): boolean;
  /** A manifest that this node was allowed to push is in the registry. */
  pushed(nodeId: NodeId, repository: string, tag: string, digest: string): void;
  /** Something that this node asked for in a repository it can pull from is not in the registry. */
  vanished(nodeId: NodeId, repository: string): void;
  /** Bytes pass from or to this node. */
  passed?(nodeId: NodeId): void;
}

export interface RegistryProxyDeps {
  readonly upstream: Upstream;
  readonly rights: RegistryRights;
  /** Whether the disk of the registry has no room for more, as far as the controller knows it. */
  isTight?(): boolean;
  readonly clock: Pick<Clock, 'soon' | 'after' | 'monotonic'>;
  /** Whether clients of the controller wait for answers. Default: never. */
  isInUse?(): boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Serves nodes' connections to the registry: each request is judged by the node's rights, then
 * forwarded with the controller's credentials. Nothing is buffered.
 */
export class RegistryProxy {
  readonly #deps: RegistryProxyDeps;
  readonly #server: Server;
  readonly #nodes = new Map<Duplex, NodeId>();
  readonly #requests: Counter<'kind' | 'outcome'>;
  readonly #turns: ByteTurns;

  constructor(deps: RegistryProxyDeps) {
    this.#deps = deps;
    this.#turns = new ByteTurns({ clock: deps.clock, isInUse: () => deps.isInUse?.() === true, burst: BURST });
    this.#requests = deps.metrics.counter({
      name: 'registry_requests_total',
      help: 'Requests of nodes to the registry, by kind and outcome',
      labels: ['kind', 'outcome'],
    });
    this.#server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_MS }, (request, response) => this.#serve(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  accept(nodeId: NodeId, connection: Duplex): void {
    this.#nodes.set(connection, nodeId);
    connection.once('close', () => this.#nodes.delete(connection));
    this.#server.emit('connection', connection);
  }

  /** Cuts off a node that was revoked. */
  cutOff(nodeId: NodeId): void {
    for (const [connection, node] of this.#nodes) if (node === nodeId) connection.destroy(new Error('this node was revoked'));
  }

  close(): void {
    for (const connection of this.#nodes.keys()) connection.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const nodeId = this.#nodes.get(request.socket);
    const method = request.method ?? '';
    const url = request.url ?? '';
    const asked = registryRequest(method, url);
    if (nodeId === undefined || asked === undefined) {
      this.#requests.add(1, { kind: 'other', outcome: 'refused' });
      return refuse(request, response, 405, 'UNSUPPORTED', 'this registry serves pulls and pushes of images only');
    }
    const path = this.#permitted(nodeId, asked, url);
    if (path === undefined) {
      this.#requests.add(1, { kind: asked.kind, outcome: 'refused' });
      this.#deps.log.warn('registry.refused', { node: nodeId, method, url: url.slice(0, 200) });
      return refuse(request, response, 403, 'DENIED', 'this node was not asked to move this image');
    }
    const { upstream, log, rights } = this.#deps;
    const isWrite = asked.kind === 'upload' || asked.kind === 'put-manifest';
    const isTight = () => isWrite && this.#deps.isTight?.() === true;
    if (isTight()) {
      this.#requests.add(1, { kind: asked.kind, outcome: 'refused' });
      return refuse(request, response, 503, 'UNAVAILABLE', 'the disk of the controller has no room for more images');
    }
    const failed = (error: unknown) => {
      this.#requests.add(1, { kind: asked.kind, outcome: 'failed' });
      log.warn('registry.failed', { error: messageOf(error) });
      refuse(request, response, 503, 'UNAVAILABLE', `the registry does not answer: ${messageOf(error)}`);
    };
    const relay = () => {
      if (response.destroyed) return;
      // Until its body has passed.
      response.once('close', streamOpened());
      const onward = upstream.request(method, path, headersFor(asked, request.headers));
      // A node that never ends its layer would fill the disk of the database.
      request.on('data', () => (isTight() ? response.destroy() : rights.passed?.(nodeId)));
      relayHttp(request, response, onward, {
        answered: (answer) => this.#answered(nodeId, asked, path, answer),
        through: () => this.#turns.through(),
        failed,
      });
    };
    const preparing = upstream.prepare?.(path);
    if (preparing === undefined) relay();
    else preparing.then(relay, failed);
  }

  #answered(nodeId: NodeId, asked: RegistryRequest, path: string, answer: IncomingMessage): IncomingHttpHeaders {
    const { upstream, rights } = this.#deps;
    rights.passed?.(nodeId);
    answer.on('data', () => rights.passed?.(nodeId));
    this.#requests.add(1, { kind: asked.kind, outcome: 'relayed' });
    this.#learn(nodeId, asked, answer);
    // Its challenge is to the controller, not to the node.
    const { location, 'www-authenticate': challenge, ...headers } = answer.headers;
    if (answer.statusCode === 401) upstream.unauthorized?.(path);
    return location === undefined ? headers : { ...headers, location: upstream.located(location) };
  }

  /** Returns the path to forward, or undefined if the node has no right to it. */
  #permitted(nodeId: NodeId, asked: RegistryRequest, url: string): string | undefined {
    const { rights } = this.#deps;
    switch (asked.kind) {
      case 'ping':
        return url;
      case 'read':
        return rights.mayPull(nodeId, asked.repository) ? url : undefined;
      case 'probe':
        return rights.mayPull(nodeId, asked.repository) || rights.mayPush(nodeId, asked.repository) ? url : undefined;
      case 'put-manifest':
        return rights.mayPush(nodeId, asked.repository, isDigest(asked.tag) ? undefined : asked.tag) ? url : undefined;
      case 'upload': {
        if (!rights.mayPush(nodeId, asked.repository)) return undefined;
        // A blob of a repository that the node cannot read is uploaded instead of mounted.
        const mounts = asked.mountFrom !== undefined && !rights.mayPull(nodeId, asked.mountFrom);
        return mounts ? url.slice(0, url.indexOf('?')) : url;
      }
      default:
        return asked satisfies never;
    }
  }

  #learn(nodeId: NodeId, asked: RegistryRequest, { statusCode, headers }: IncomingMessage): void {
    const { rights } = this.#deps;
    // Of a layer, only a push asks before it moves it.
    const isPart = asked.kind === 'read' || (asked.kind === 'probe' && asked.object === 'manifest');
    if (isPart && statusCode === 404) rights.vanished(nodeId, asked.repository);
    const digest = headers['docker-content-digest'];
    if (asked.kind === 'put-manifest' && statusCode === 201 && typeof digest === 'string' && isDigest(digest))
      rights.pushed(nodeId, asked.repository, asked.tag, digest);
  }
}

/** Servers take fields of a form for parameters, so a typed body could name a blob to mount. */
function headersFor(asked: RegistryRequest, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { 'content-type': type, ...others } = relayedHeaders(headers);
  const isKept = type !== undefined && (asked.kind !== 'upload' || type === 'application/octet-stream');
  return isKept ? { ...others, 'content-type': type } : others;
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, code: string, message: string): void {
  request.resume();
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}
