import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Upstream } from '../../../../controller/registry/upstream.ts';

/** A registry that keeps what is put into it, whatever the path. */
export class FakeRegistry implements Upstream {
  isUp = true;
  readonly objects = new Map<string, Buffer>();
  readonly asked: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** Called instead of the usual answer. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  request(method: string, path: string, headers: IncomingHttpHeaders) {
    return request({ host: '127.0.0.1', port: this.port, method, path, headers, agent: false });
  }

  located(location: string): string {
    return location;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.asked.push({ method, url, headers });
    if (this.answer !== undefined) return this.answer(request, response);
    if (method === 'PUT' || method === 'PATCH') {
      const body = await buffer(request);
      this.objects.set(url, body);
      response.writeHead(201, { 'docker-content-digest': `sha256:${createHash('sha256').update(body).digest('hex')}` }).end();
      return;
    }
    request.resume();
    if (method === 'POST') return void response.writeHead(202, { location: `${url}upload-1` }).end();
    const found = this.objects.get(url);
    if (url !== '/v2/' && found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': found?.byteLength ?? 0 }).end(method === 'HEAD' ? undefined : found);
  }
}
