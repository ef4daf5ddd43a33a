import { createHash, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { JoinRequest } from '../../proto/generated/raworc/node/v0/JoinRequest.ts';
import type { JoinResponse__Output } from '../../proto/generated/raworc/node/v0/JoinResponse.ts';
import { type JoinToken, parseJoinToken } from '../../proto/join-token.ts';
import { defaultKeepalive, joinMethod } from '../../proto/node-service.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { makePrivateDirectory, readPrivateFile, writePrivateFile } from '../../seams/private-file.ts';
import { sync } from '../../seams/sync.ts';
import { openChannel } from '../control/channel.ts';
import { DialError } from '../control/dial-error.ts';
import { unaryCall } from '../control/unary-call.ts';
import { bundlePem } from './ca-bundle.ts';
import { assembleIdentity, describe, type Identity, identityFiles, loadIdentity } from './identity.ts';
import { certificateRequest, createNodeKey } from './node-key.ts';
import { presentedCa } from './presented-ca.ts';

/** While many machines join at once, a controller closes connections before TLS. */
const RETRY = { forMs: 60_000, firstMs: 1_000, maxMs: 8_000 } as const;

/** Why a machine could not join. The message is one sentence for the operator. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
  /** `busy`: the controller closed the connection, or asked to come back later. */
  readonly code: 'bad_token' | 'unreachable' | 'busy' | 'wrong_controller' | 'other_cluster' | 'refused';

  constructor(code: JoinError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface JoinOptions {
  readonly token: string;
  readonly nodeName: string;
  /** Added to those that the node has. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The node agent's own directory, created with mode 0700. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Joins this machine to the token's cluster. The key is generated here and never leaves; the
 * token's secret goes only to a controller whose CA has the hash in the token. A previous identity
 * stays until the new one is granted. A busy controller is asked again for a minute.
 *
 * After a crash the call can be repeated with the same key: a controller that has answered sees the
 * same request again. Throws {@link JoinError}.
 */
export async function joinWithToken(options: JoinOptions): Promise<Identity> {
  const { nodeName, directory, log } = options;
  const parsed = parseJoinToken(options.token);
  if (!parsed.ok) throw new JoinError('bad_token', parsed.problem);
  const { token } = parsed;
  const { address, ca } = await whileBusy(() => findController(token, options), options);
  await refuseOtherCluster(directory, ca);
  await makePrivateDirectory(directory);
  const keyPem = await prepareKey(directory);
  const csrDer = await certificateRequest(keyPem);
  const request: JoinRequest = {
    tokenId: token.id,
    tokenSecret: token.secret,
    csrDer,
    nodeName,
    labels: options.labels ?? {},
    ...namedVersions(NODE_PROTOCOL),
    takesBundle: true,
  };
  const answer = await whileBusy(() => requestJoin(address, ca.toString(), request, options), options);
  const parts = {
    nodeId: answer.nodeId,
    clusterId: answer.clusterId,
    incarnation: answer.incarnation,
    name: nodeName,
    controllers: [...token.nodeAddresses],
    joinAddresses: [...token.joinAddresses],
    tokenId: token.id,
  };
  const cas = answer.caBundle.length === 0 ? [ca] : answer.caBundle.map((der) => new X509Certificate(der));
  const identity = assembleIdentity(parts, keyPem, new X509Certificate(answer.certificateDer).toString(), bundlePem(cas));
  await saveIdentity(directory, identity);
  log.info('node.joined', { node: identity.nodeId, cluster: identity.clusterId, incarnation: identity.incarnation });
  return identity;
}

/** Repeats `attempt` while the controller is busy. Machines that start together try again at different times. */
async function whileBusy<T>(attempt: () => Promise<T>, { clock, log, nodeName, signal }: JoinOptions): Promise<T> {
  const startedMs = clock.monotonic();
  const share = createHash('sha256').update(nodeName).digest().readUInt8(0) / 256;
  for (let delayMs: number = RETRY.firstMs; ; delayMs = Math.min(RETRY.maxMs, delayMs * 2)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof JoinError) || error.code !== 'busy' || clock.monotonic() - startedMs > RETRY.forMs) throw error;
      const waitMs = Math.round(delayMs * (0.5 + share));
      log.info('node.join_waits', { reason: error.message, retry_ms: waitMs });
      await pause(clock, waitMs, signal);
      signal.throwIfAborted();
    }
  }
}

/**
 * Returns the first reachable address of the token. A controller with another CA ends the search,
 * because it can be an attacker.
 */
async function findController(token: JoinToken, { clock, signal }: JoinOptions): Promise<{ address: string; ca: X509Certificate }> {
  const failures: string[] = [];
  let isBusy = false;
  for (const address of token.joinAddresses) {
    let ca: X509Certificate | undefined;
    try {
      ca = await presentedCa(address, token.caHash, { clock, signal });
    } catch (error) {
      signal.throwIfAborted();
      isBusy ||= closedEarly(error);
      failures.push(`${address} (${messageOf(error)})`);
      continue;
    }
    if (ca === undefined) throw new JoinError('wrong_controller', `The server at ${address} is not the controller that issued this token.`);
    return { address, ca };
  }
  throw new JoinError(isBusy ? 'busy' : 'unreachable', `The controller cannot be reached at ${failures.join(', ')}.`);
}

/** Something accepted the connection, and closed it before TLS. */
const closedEarly = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ECONNRESET';

/**
 * Another cluster's controller knows none of the sessions in this data directory, and the old one
 * would miss them. The name of a CA is its cluster's id.
 */
async function refuseOtherCluster(directory: string, ca: X509Certificate): Promise<void> {
  const current = await loadIdentity(directory).catch(() => undefined);
  if (current === undefined || ca.subject.split('\n').includes(`CN=${current.clusterId}`)) return;
  throw new JoinError(
    'other_cluster',
    `The token is of another cluster, and this host is already the node "${current.name}" of cluster ${current.clusterId}. To move it, drain and remove the node there and delete ${directory}, or join with another --data.`,
  );
}

/**
 * Returns this node's key if it has joined before, also if its certificate is lost; the key of an
 * unfinished join; or a new one. The key is the node: under another name, or with another CA of
 * its cluster, it remains the same node with its sessions.
 */
async function prepareKey(directory: string): Promise<string> {
  const { key, pendingKey } = identityFiles(directory);
  const current = await loadIdentity(directory).catch(() => undefined);
  const own = current?.keyPem ?? (await readPrivateFile(pendingKey)) ?? (await readPrivateFile(key));
  if (own !== undefined) return own;
  const keyPem = await createNodeKey();
  await writePrivateFile(pendingKey, keyPem);
  return keyPem;
}

async function requestJoin(
  address: string,
  caPem: string,
  request: JoinRequest,
  { clock, signal }: JoinOptions,
): Promise<JoinResponse__Output> {
  const client = openChannel(address, { caPem }, defaultKeepalive);
  try {
    return await unaryCall(client, joinMethod, request, { address, clock, signal });
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    throw new JoinError(joinCode(error), error.message);
  } finally {
    client.close();
  }
}

function joinCode({ code, message, retryAfterMs }: DialError): JoinError['code'] {
  if (code === 'refused' || code === 'removed') return 'refused';
  if (code === 'busy') return retryAfterMs === undefined ? 'refused' : 'busy';
  // The CA, found a moment ago, was the right one: what closes the connection before TLS is the controller.
  return code === 'handshake' || /before secure TLS|ECONNRESET/.test(message) ? 'busy' : 'unreachable';
}

/**
 * Writes in an order that leaves the old identity, none (and the pending key, for another try), or
 * the new one.
 */
async function saveIdentity(directory: string, identity: Identity): Promise<void> {
  const { keyPem, certificatePem, caPem } = identity;
  const files = identityFiles(directory);
  await rm(files.certificate, { force: true });
  await sync(directory);
  await writePrivateFile(files.key, keyPem);
  await writePrivateFile(files.ca, caPem);
  await writePrivateFile(files.description, `${JSON.stringify(describe(identity), null, 2)}\n`);
  await writePrivateFile(files.certificate, certificatePem);
  await rm(files.pendingKey, { force: true });
}
