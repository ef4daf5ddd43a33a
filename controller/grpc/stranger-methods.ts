/** Methods of the join port: Join, and the renewal of certificates that TLS no longer accepts. */
import type { JoinRequest__Output } from '../../proto/generated/raworc/node/v0/JoinRequest.ts';
import { challengeMethod, joinMethod, MAX_CSR_BYTES, renewMethod } from '../../proto/node-service.ts';
import { commonVersion, NODE_PROTOCOL, versionGap, versionsOf } from '../../proto/versions.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import type { Renewal } from './renewal.ts';
import type { StrangerMethod } from './stranger-server.ts';

export interface JoinAttempt {
  readonly tokenId: string;
  readonly tokenSecret: string;
  readonly csrDer: Uint8Array;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly takesBundle: boolean;
}

export interface JoinedNode {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly certificateDer: Uint8Array;
  readonly caDer: Uint8Array;
  readonly expiresAtMs: number;
  readonly caBundle: Buffer[];
}

export interface StrangerMethodDeps {
  /** `peer` is `address:port`. */
  join(attempt: JoinAttempt, peer: string): Promise<Outcome<JoinedNode>>;
  readonly renewal: Renewal;
}

interface Method<Request, Response> {
  readonly path: string;
  requestDeserialize(bytes: Buffer): Request;
  responseSerialize(value: Response): Buffer;
}

/** Returns the methods by path. */
export function strangerMethods({ join, renewal }: StrangerMethodDeps): ReadonlyMap<string, StrangerMethod> {
  return new Map([
    method(joinMethod, (request, peer) => joinBy(join, request, peer)),
    method(renewMethod, (request, peer) => renewal.renew(request, peer, undefined)),
    method(challengeMethod, async () => accepted(renewal.challenge())),
  ]);
}

function method<Request, Response>(
  { path, requestDeserialize, responseSerialize }: Method<Request, Response>,
  run: (request: Request, peer: string) => Promise<Outcome<Response>>,
): [string, StrangerMethod] {
  const call = async (bytes: Buffer, peer: string): Promise<Outcome<Buffer>> => {
    let request: Request;
    try {
      request = requestDeserialize(bytes);
    } catch {
      return refused('BAD_REQUEST', 'The request cannot be decoded.');
    }
    const outcome = await run(request, peer);
    return outcome.ok ? accepted(responseSerialize(outcome.value)) : outcome;
  };
  return [path, { call }];
}

async function joinBy(join: StrangerMethodDeps['join'], request: JoinRequest__Output, peer: string): Promise<Outcome<JoinedNode>> {
  const { tokenId, tokenSecret, csrDer, nodeName, labels, takesBundle } = request;
  if (csrDer.byteLength > MAX_CSR_BYTES || tokenId.length > 128 || tokenSecret.length > 128 || nodeName.length > 253) {
    return refused('BAD_REQUEST', 'A field of the join request is too long.');
  }
  // Before the token is used: it still joins the node after the upgrade.
  const spoken = versionsOf(request);
  if (request.protocolVersion !== 0 && commonVersion(spoken, NODE_PROTOCOL) === undefined)
    return refused('CONFLICT', versionGap(spoken, NODE_PROTOCOL));
  return join({ tokenId, tokenSecret, csrDer, nodeName, labels, takesBundle }, peer);
}
