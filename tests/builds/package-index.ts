import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Wheel {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Serves Python packages on all addresses over http, as an index has them: wheels by the normalized name of their project. */
export async function packageIndex(wheels: Readonly<Record<string, Wheel>>) {
  const asked: string[] = [];
  const index = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const project = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
    const page = project === undefined ? undefined : wheels[project];
    const file = Object.values(wheels).find(({ name }) => path === `/${name}`);
    if (page !== undefined) response.setHeader('content-type', 'text/html').end(`<a href="/${page.name}">${page.name}</a>`);
    else if (file !== undefined) response.end(file.content);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => index.listen(0, '0.0.0.0', resolve));
  return {
    port: (index.address() as AddressInfo).port,
    /** Paths, in the order of the requests. */
    asked,
    close: () => index.close(),
  };
}
