import { timingSafeEqual } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { relayedHeaders, relayHttp } from '../../proto/streams/http-relay.ts';
import { streamOpened } from '../../seams/garbage.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import type { Random } from '../../seams/random.ts';
import type { RegistryAccess } from '../engine/registry-access.ts';

/** An engine moves up to five layers of an image at once. */
const MAX_CONNECTIONS = 32;
const HEADERS_MS = 10_000;
const SILENT_MS = 120_000;
const USER = 'raworc';

export interface RegistryListenerDeps {
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Opens a connection to the registry. Throws while the controller cannot be dialled. */
  dial(): Duplex;
}

export interface RegistryListener extends RegistryAccess {
  close(): Promise<void>;
}

/**
 * The registry of images, as the engine of this host sees it: HTTP on a free port of the loopback,
 * which engines accept without configuration. The password is in memory only, and the engine gets
 * it with each call, so that no other user of the host and no session can read an image.
 */
export async function openRegistryListener({ random, log, metrics, dial }: RegistryListenerDeps): Promise<RegistryListener> {
  const password = Buffer.from(random.bytes(32)).toString('base64url');
  const expected = Buffer.from(`Basic ${Buffer.from(`${USER}:${password}`).toString('base64')}`);
  const requests = metrics.counter({
    name: 'registry_engine_requests_total',
    help: 'Requests of the engine to the registry, by outcome',
    labels: ['outcome'],
  });
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) {
      requests.add(1, { outcome: 'refused' });
      response.setHeader('www-authenticate', 'Basic realm="raworc"');
      return refuse(response, 401, 'UNAUTHORIZED', 'only the node agent can use this registry');
    }
    const failed = (error: Error) => {
      requests.add(1, { outcome: 'failed' });
      log.warn('registry.unreachable', { error: error.message });
      refuse(response, 503, 'UNAVAILABLE', `the controller's registry cannot be reached: ${error.message}`);
    };
    let connection: Duplex;
    try {
      connection = dial();
    } catch (error) {
      request.resume();
      return failed(error instanceof Error ? error : new Error(String(error)));
    }
    response.once('close', streamOpened());
    const { method, url } = request;
    const headers = { ...relayedHeaders(request.headers), connection: 'close' };
    const onward = httpRequest({ method, path: url, headers, setHost: false, createConnection: () => connection });
    onward.once('close', () => connection.destroy());
    relayHttp(request, response, onward, {
      answered(answer) {
        requests.add(1, { outcome: 'relayed' });
        return answer.headers;
      },
      failed,
    });
  };
  const server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_MS }, serve);
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = SILENT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    login: { username: USER, password },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}
