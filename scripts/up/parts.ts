import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { placeIn, projectRoot } from '../places.ts';
import { Trouble } from '../trouble.ts';
import { Child } from './child.ts';
import { freePortNear, portOf, refuseTaken } from './ports.ts';

export interface PartsOptions {
  readonly dataDir: string;
  readonly onLine: (name: string, line: string) => void;
}

const loopback = '127.0.0.1';

/** nats-server on the loopback, with a token that only its owner can read. */
export async function natsPart(options: PartsOptions, program: string): Promise<{ child: Child; url: string; tokenFile: string }> {
  const place = placeIn(options.dataDir, 'nats');
  const tokenFile = join(place, 'token');
  if (!existsSync(tokenFile)) writeFileSync(tokenFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const config = join(place, 'nats-server.conf');
  const child = new Child({
    name: 'nats',
    program,
    args: ['-c', config],
    env: { PATH: process.env.PATH },
    ...options,
    isReady: (line) => line.includes('Server is ready'),
  });
  const wanted = portOf('RAWORC_NATS_PORT', 4222);
  if (process.env.RAWORC_NATS_PORT) await refuseTaken(loopback, wanted, 'RAWORC_NATS_PORT');
  const port = await freePortNear(loopback, wanted);
  const token = readFileSync(tokenFile, 'utf8').trim();
  writeFileSync(config, `listen: "${loopback}:${port}"\nauthorization { token: "${token}" }\n`, { mode: 0o600 });
  return { child, url: `nats://${loopback}:${port}`, tokenFile };
}

export async function controllerPart(
  options: PartsOptions,
  settings: { readonly image: string; readonly natsUrl: string; readonly natsTokenFile: string | undefined },
): Promise<Child> {
  const main = join(projectRoot, 'controller', 'main.ts');
  const child = new Child({
    name: 'controller',
    program: process.execPath,
    // Both as raworc-controller.mjs does.
    args: ['--max-semi-space-size=8', main],
    env: {
      MALLOC_ARENA_MAX: '2',
      ...environment((name) => name.startsWith('RAWORC_')),
      RAWORC_DATA_DIR: options.dataDir,
      RAWORC_NATS_URL: settings.natsUrl,
      ...(settings.natsTokenFile === undefined ? {} : { RAWORC_NATS_TOKEN_FILE: settings.natsTokenFile }),
      RAWORC_BASE_IMAGE_TAG: settings.image,
      RAWORC_SHUTDOWN_NODES: '1',
    },
    ...options,
    isReady: (_line, entry) => entry?.event === 'controller.ready',
  });
  const host = process.env.RAWORC_HTTP_HOST || loopback;
  await refuseTaken(host, portOf('RAWORC_HTTP_PORT', 9000), 'RAWORC_HTTP_PORT');
  const nodeHost = process.env.RAWORC_NODE_HOST || loopback;
  await refuseTaken(nodeHost, portOf('RAWORC_NODE_PORT', 9400), 'RAWORC_NODE_PORT');
  await refuseTaken(nodeHost, portOf('RAWORC_JOIN_PORT', 9401), 'RAWORC_JOIN_PORT');
  return child;
}

export interface NodePart {
  readonly child: Child;
  /** Where its token must be before it is started; undefined when it has joined already. */
  readonly tokenFile: string | undefined;
}

/** Whether a node's certificate is there and good for half a day; else it joins anew, with a token, as the same node. */
function hasLongToLive(path: string): boolean {
  return existsSync(path) && Date.parse(new X509Certificate(readFileSync(path)).validTo) - Date.now() > 12 * 3_600_000;
}

/** Two node agents share this machine: each offers half of it, less what the machine itself needs. */
export function nodePart(options: PartsOptions, number: number, of: number, dockerSocket: string): NodePart {
  const data = placeIn(options.dataDir, 'nodes', String(number));
  const tokenFile = join(data, 'join-token');
  const memoryBytes = Math.floor((totalmem() * 0.8) / of / 1024 ** 2) * 1024 ** 2;
  const cpuMillis = Math.floor((availableParallelism() * 1000) / of);
  const name = `node-${number}`;
  const child = new Child({
    name,
    program: process.execPath,
    args: [
      join(projectRoot, 'node-agent', 'main.ts'),
      ...['--data', data, '--name', name, '--token-file', tokenFile, '--docker-socket', dockerSocket],
      ...['--memory-bytes', String(memoryBytes), '--cpu-millis', String(cpuMillis)],
    ],
    env: environment((variable) => ['RAWORC_ALLOW_CIDRS', 'RAWORC_LOG_LEVEL'].includes(variable)),
    ...options,
    isReady: (_line, entry) => entry?.event === 'node.ready',
  });
  return { child, tokenFile: hasLongToLive(join(data, 'node.crt')) ? undefined : tokenFile };
}

/** What a daemon needs of ours, and the settings meant for it. */
function environment(isSetting: (name: string) => boolean): Record<string, string> {
  const plain = ['PATH', 'HOME', 'LANG', 'TZ', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'NODE_COMPILE_CACHE'];
  const chosen = Object.entries(process.env).filter(([name]) => plain.includes(name) || isSetting(name));
  return Object.fromEntries(chosen.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** The admin's password: given, or made by the controller. */
export function adminPassword(dataDir: string): { readonly password: string; readonly file: string | undefined } {
  const given = process.env.RAWORC_ADMIN_PASSWORD;
  if (given) return { password: given, file: undefined };
  const file = process.env.RAWORC_ADMIN_PASSWORD_FILE || join(dataDir, 'controller', 'admin-password');
  if (!existsSync(file))
    throw new Trouble(`there is no ${file} with the admin’s password`, 'set RAWORC_ADMIN_PASSWORD_FILE to the right file');
  return { password: readFileSync(file, 'utf8').trim(), file };
}
