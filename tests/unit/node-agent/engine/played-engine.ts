import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Test } from 'tap';

/** Listens as an engine does, and returns the path of its socket. */
export async function playedEngine(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  // A path of a socket has to be short.
  const directory = mkdtempSync('/tmp/re-');
  const socket = join(directory, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return socket;
}
