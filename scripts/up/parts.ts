import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { NODE_FLAGS, PROCESS_ENV } from '../../controller/service/process-options.ts';
import { NODE_AGENT_SETTINGS, variableOf } from '../../settings/names.ts';
import { placeIn, projectRoot } from '../places.ts';
import { Trouble } from '../program.ts';
import { Child } from './child.ts';
import { freePort, portOf, refuseTaken } from './ports.ts';

export interface PartsOptions {
  readonly dataDir: string;
  readonly onLine: (name: string, line: string) => void;
}

const loopback = '127.0.0.1';

export interface NatsPart {
  readonly child?: Child;
  readonly url: string;
  readonly tokenFile: string | undefined;
}

/** nats-server on the loopback, with a token that only its owner can read. */
export async function natsPart(options: PartsOptions, program: string): Promise<NatsPart> {
  const place = placeIn(options.dataDir, 'nats');
  const tokenFile = join(place, 'token');
  if (!existsSync(tokenFile)) writeFileSync(tokenFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const wanted = portOf('RAWORC_NATS_PORT', 4222);
  if (process.env.RAWORC_NATS_PORT) await refuseTaken(loopback, wanted, 'RAWORC_NATS_PORT');
  const address = `${loopback}:${await freePort(loopback, wanted)}`;
  const token = readFileSync(tokenFile, 'utf8').trim();
  const config = join(place, 'nats-server.conf');
  writeFileSync(config, `listen: "${address}"\nauthorization { token: "${token}" }\n`, { mode: 0o600 });
  const isReady = (line: string) => line.includes('Server is ready');
  const child = new Child({ ...options, name: 'nats', program, args: ['-c', config], env: { PATH: process.env.PATH }, isReady });
  return { child, url: `nats://${address}`, tokenFile };
}

export interface ControllerPartOptions extends PartsOptions {
  readonly image: string;
  readonly nats: NatsPart;
  /** The program that the controller starts as its registry, unless the environment says otherwise. */
  readonly registry: string | undefined;
  /** How many nodes stop with the controller: those of this machine, and none that joined from elsewhere. */
  readonly nodes: number;
}

export async function controllerPart({ image, nats, registry, nodes, ...options }: ControllerPartOptions): Promise<Child> {
  const host = process.env.RAWORC_HTTP_HOST || loopback;
  await refuseTaken(host, portOf('RAWORC_HTTP_PORT', 9000), 'RAWORC_HTTP_PORT');
  const nodeHost = process.env.RAWORC_NODE_HOST || loopback;
  await refuseTaken(nodeHost, portOf('RAWORC_NODE_PORT', 9400), 'RAWORC_NODE_PORT');
  await refuseTaken(nodeHost, portOf('RAWORC_JOIN_PORT', 9401), 'RAWORC_JOIN_PORT');
  return new Child({
    ...options,
    name: 'controller',
    program: process.execPath,
    args: [...NODE_FLAGS, join(projectRoot, 'controller', 'main.ts')],
    env: {
      ...PROCESS_ENV,
      ...environment(process.env, (name) => name.startsWith('RAWORC_')),
      ...(registry === undefined ? {} : { RAWORC_REGISTRY_PROGRAM: registry }),
      RAWORC_DATA_DIR: options.dataDir,
      RAWORC_NATS_URL: nats.url,
      RAWORC_NATS_TOKEN_FILE: nats.tokenFile,
      RAWORC_BASE_IMAGE_TAG: image,
      RAWORC_DEFAULT_PROFILES: process.env.RAWORC_DEFAULT_PROFILES || 'locked,workstation',
      RAWORC_SHUTDOWN_NODES: nodesOfThisMachine(nodes),
    },
    isReady: (_line, entry) => entry?.event === 'controller.ready',
  });
}

const nodeName = (number: number) => `node-${number}`;

/** Returns the names of so many node agents of this machine, as the controller's setting lists them. */
export const nodesOfThisMachine = (count: number): string => Array.from({ length: count }, (_, index) => nodeName(index + 1)).join(',');

export interface NodePart {
  readonly child: Child;
  /** Where its join token must be when it starts; undefined if it has joined before. */
  readonly tokenFile: string | undefined;
}

/**
 * One of several node agents on this machine. Each offers its share of what the machine does not
 * need itself.
 */
export function nodePart(options: PartsOptions, number: number, of: number, dockerSocket: string): NodePart {
  const data = placeIn(options.dataDir, 'nodes', String(number));
  const tokenFile = join(data, 'join-token');
  const flags = {
    data,
    name: nodeName(number),
    'token-file': tokenFile,
    'docker-socket': dockerSocket,
    'memory-bytes': Math.floor((totalmem() * 0.8) / of / 1024 ** 2) * 1024 ** 2,
    'cpu-millis': Math.floor((availableParallelism() * 1000) / of),
  };
  const child = new Child({
    ...options,
    name: flags.name,
    program: process.execPath,
    args: [join(projectRoot, 'node-agent', 'main.ts'), ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])],
    env: nodeEnvironment(process.env),
    isReady: (_line, entry) => entry?.event === 'node.ready',
  });
  return { child, tokenFile: hasLongToLive(join(data, 'node.crt')) ? undefined : tokenFile };
}

/**
 * Whether a node's certificate is valid for half a day. If not, the same node joins again with a
 * token.
 */
function hasLongToLive(path: string): boolean {
  return existsSync(path) && Date.parse(new X509Certificate(readFileSync(path)).validTo) - Date.now() > 12 * 3_600_000;
}

/** Returns the part of our environment that a daemon needs, and the settings meant for it. */
function environment(env: NodeJS.ProcessEnv, isSetting: (name: string) => boolean): NodeJS.ProcessEnv {
  const plain = /^(PATH|HOME|LANG|TZ|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|NODE_COMPILE_CACHE)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => plain.test(name) || isSetting(name)));
}

/** Returns the environment of a node agent: every setting of it, and none of the controller's. */
export function nodeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const settings = new Set(NODE_AGENT_SETTINGS.map(variableOf));
  return environment(env, (name) => settings.has(name));
}

/** Returns the admin's password, as set or as generated by the controller. */
export function adminPassword(dataDir: string): { readonly password: string; readonly file: string | undefined } {
  const password = process.env.RAWORC_ADMIN_PASSWORD;
  if (password) return { password, file: undefined };
  const file = process.env.RAWORC_ADMIN_PASSWORD_FILE || join(dataDir, 'controller', 'admin-password');
  if (!existsSync(file))
    throw new Trouble(`the file with the admin’s password does not exist: ${file}`, 'set RAWORC_ADMIN_PASSWORD_FILE to the right file');
  return { password: readFileSync(file, 'utf8').trim(), file };
}
