import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** Listening sockets come first in a table, so that a session with very many connections loses none. */
const MAX_TABLE_BYTES = 1024 * 1024;

export type ReadTables = () => Promise<readonly string[]>;
export type Connect = (host: string, port: number) => Socket;

/** Reads the kernel's tables of TCP sockets of this session. A table that does not exist is empty. */
export const readTables: ReadTables = () => Promise.all(TABLES.map((path) => readStart(path).catch(() => '')));

/** Connects to a program in the session. Each direction of the connection ends alone. */
export const connectPort: Connect = (host, port) => connect({ host, port, allowHalfOpen: true, noDelay: true });

async function readStart(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const bytes = Buffer.allocUnsafe(MAX_TABLE_BYTES);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, MAX_TABLE_BYTES - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length === MAX_TABLE_BYTES) return bytes.toString('latin1', 0, length);
  }
}
