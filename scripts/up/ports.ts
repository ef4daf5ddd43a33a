import { createServer } from 'node:net';
import { Trouble } from '../trouble.ts';

/** A port from the environment, else the usual one. */
export function portOf(variable: string, usual: number): number {
  const set = process.env[variable];
  if (!set) return usual;
  const port = Number(set);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new Trouble(`${variable} is ${set}, which is no port`, `set it to a number from 1 to 65535, or leave it out for ${usual}`);
}

/** Throws when somebody else listens there, naming the setting that chooses another port. */
export async function refuseTaken(host: string, port: number, variable: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if ((await listenOnce(host, port)) !== undefined) return;
    // A process that was just killed may hold it for a moment more.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Trouble(
    `port ${port} on ${host} is taken by another program (ss -ltnp 'sport = :${port}' shows it)`,
    `stop it, or set ${variable} to a free port`,
  );
}

/** The wanted port if it is free, else any free one. */
export async function freePortNear(host: string, wanted: number): Promise<number> {
  return (await listenOnce(host, wanted)) ?? (await listenOnce(host, 0)) ?? wanted;
}

/** Listens for a moment; undefined when that is refused. */
function listenOnce(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
