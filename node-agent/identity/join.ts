import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { JoinRequest } from '../../proto/generated/raworc/node/v0/JoinRequest.ts';
import type { JoinResponse__Output } from '../../proto/generated/raworc/node/v0/JoinResponse.ts';
import { type JoinToken, parseJoinToken } from '../../proto/join-token.ts';
import { defaultKeepalive, joinMethod } from '../../proto/node-service.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';
import type { Clock } from '../../seams/clock.ts';
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

/** Why a machine could not join. The message is one sentence for the operator. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
  readonly code: 'bad_token' | 'unreachable' | 'wrong_controller' | 'other_cluster' | 'refused';

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
 * stays until the new one is granted.
 *
 * After a crash the call can be repeated with the same key: a controller that has answered sees the
 * same request again. Throws {@link JoinError}.
 */
export async function joinWithToken(options: JoinOptions): Promise<Identity> {
  const { nodeName, directory, log } = options;
  const parsed = parseJoinToken(options.token);
  if (!parsed.ok) throw new JoinError('bad_token', parsed.problem);
  const { token } = parsed;
  const { address, ca } = await findController(token, options);
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
  const answer = await requestJoin(address, ca.toString(), request, options);
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

/**
 * Returns the first reachable address of the token. A controller with another CA ends the search,
 * because it can be an attacker.
 */
async function findController(token: JoinToken, { clock, signal }: JoinOptions): Promise<{ address: string; ca: X509Certificate }> {
  const failures: string[] = [];
  for (const address of token.joinAddresses) {
    let ca: X509Certificate | undefined;
    try {
      ca = await presentedCa(address, token.caHash, { clock, signal });
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${address} (${messageOf(error)})`);
      continue;
    }
    if (ca === undefined) throw new JoinError('wrong_controller', `The server at ${address} is not the controller that issued this token.`);
    return { address, ca };
  }
  throw new JoinError('unreachable', `The controller cannot be reached at ${failures.join(', ')}.`);
}

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
    throw new JoinError(
      error.code === 'refused' || error.code === 'removed' || error.code === 'busy' ? 'refused' : 'unreachable',
      error.message,
    );
  } finally {
    client.close();
  }
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
