import { createServer } from 'node:net';
import process from 'node:process';
import { Trouble } from '../program.ts';

/** Returns the port that a variable sets, else the usual one. */
export function portOf(variable: string, usual: number): number {
  const port = Number(process.env[variable] || usual);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new Trouble(
    `${variable} is ${process.env[variable]}, which is not a port`,
    `set it to a number from 1 to 65535, or unset it for ${usual}`,
  );
}

/** Throws if another program listens there, naming the setting that chooses another port. */
export async function refuseTaken(host: string, port: number, variable: string): Promise<void> {
  if ((await freePort(host, port)) === port) return;
  throw new Trouble(
    `port ${port} on ${host} is taken by another program (ss -ltnp 'sport = :${port}' shows it)`,
    `stop it, or set ${variable} to a free port`,
  );
}

/** Returns the wanted port if it is free, else any free one. */
export function freePort(host: string, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (wanted === 0 ? reject(error) : resolve(freePort(host, 0))));
    server.listen({ host, port: wanted, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : wanted));
    });
  });
}
