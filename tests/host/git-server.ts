import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const TOKEN = 'a-token-of-the-test';

/** The environment of git in tests: nothing of this machine's configuration. */
const GIT = {
  ...{ PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  ...{ GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.com' },
};

export const git = async (directory: string, ...parts: readonly string[]): Promise<string> =>
  (await run('git', ['-C', directory, ...parts], { env: GIT })).stdout.trim();

/** Creates a repository, or commits to one. Returns the commit. */
export async function commit(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  mkdirSync(directory, { recursive: true });
  await git(directory, 'init', '-q', '-b', 'main');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  await git(directory, 'add', '-A');
  await git(directory, 'commit', '-q', '--allow-empty', '-m', 'A change');
  return git(directory, 'rev-parse', 'HEAD');
}

export interface GitServer {
  readonly port: number;
  /** Each request's path, and its credential if it had one. */
  readonly seen: { readonly path: string; readonly authorization: string | undefined }[];
  close(): void;
}

/**
 * Serves the repositories below a directory over https: by git's own server, below /private/ only
 * with the token, below /dumb/ as files, below /moved/ by a redirect, and below /never/ not at all.
 */
export async function gitServer(root: string, pair: { readonly cert: string; readonly key: string }, movedTo: string): Promise<GitServer> {
  const seen: GitServer['seen'] = [];
  const server = createServer(pair, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://host');
    const { authorization } = request.headers;
    seen.push({ path: url.pathname, authorization });
    const [, kind, ...rest] = url.pathname.split('/');
    const path = `/${rest.join('/')}`;
    if (kind === 'never') return;
    if (kind === 'moved') return void response.writeHead(301, { location: `${movedTo}${path}${url.search}` }).end();
    const password = Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64')
      .toString()
      .split(':')[1];
    if (kind === 'private' && password !== TOKEN) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    if (kind === 'dumb') return file(join(root, path), response);
    backend(root, kind === 'private' ? path : url.pathname, url.search.slice(1), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function file(path: string, response: ServerResponse): void {
  try {
    response.end(readFileSync(path));
  } catch {
    response.writeHead(404).end();
  }
}

/** Serves the repositories below a directory by git's own protocol. Resolves once it listens. `close` ends it. */
export async function gitDaemon(root: string, port: number): Promise<{ close(): void }> {
  const child = spawn('git', ['daemon', '--verbose', '--export-all', `--base-path=${root}`, `--port=${port}`], {
    env: GIT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Ready to rumble')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`git daemon ended: ${said}`)));
  });
  return { close: () => void child.kill() };
}

/** Runs git's server as a CGI program. */
function backend(root: string, path: string, query: string, request: IncomingMessage, response: ServerResponse): void {
  const child = spawn('git', ['http-backend'], {
    env: {
      ...{ ...GIT, GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path, QUERY_STRING: query, REMOTE_ADDR: '127.0.0.1' },
      ...{ REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers['content-type'] ?? '' },
      ...{
        GIT_PROTOCOL: request.headers['git-protocol']?.toString() ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      },
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  let head = Buffer.alloc(0);
  let isBody = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (isBody) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    isBody = true;
    const headers = head.toString('latin1', 0, end).split('\r\n');
    const pairs = headers.map((line) => line.split(': ') as [string, string]);
    const status = pairs.find(([name]) => name === 'Status')?.[1] ?? '200';
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(pairs.filter(([name]) => name !== 'Status')));
    response.write(head.subarray(end + 4));
  });
  child.stdout.on('end', () => response.end());
}
