import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PrometheusMetrics } from '../seams/prometheus.ts';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Most concurrent requests; a scraper needs one. */
const MAX_CONNECTIONS = 8;
const REQUEST_TIMEOUT_MS = 5000;

/** Serves GET /metrics on 127.0.0.1. Rejects if the port is in use. */
export async function serveMetrics(metrics: PrometheusMetrics, port: number): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end('The metrics are at /metrics.\n');
    if (request.method !== 'GET') return void response.writeHead(405, { Allow: 'GET' }).end();
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
