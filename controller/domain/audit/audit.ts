import type { RefusalCode } from '../../contract/errors.ts';
import { integer, type RowOf, text } from '../engine/fields.ts';

/**
 * The actor: an account, a node (by its certificate or join token), an operator on the controller's
 * machine, or an unknown caller.
 */
export type ActorType = 'ServiceAccount' | 'Node' | 'Operator' | 'Anonymous';

export interface Actor {
  readonly type: ActorType;
  readonly id: string | null;
  readonly name: string | null;
}

/**
 * The resource of a request, as far as its path names it. The record takes the rest from the change
 * itself.
 */
export interface Thing {
  readonly kind: string;
  /** An id or a name. */
  readonly ref: string | null;
  readonly space: string | null;
}

/** Actor, credential and origin of a request. */
export interface Attribution {
  readonly actor: Actor;
  /**
   * `token:ID`, `key:ID`, `certificate:SERIAL`, `join-token:ID`, `password`, or `machine`. Never
   * the credential itself.
   */
  readonly credential: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  /** For REST, the operationId in the OpenAPI document. */
  readonly action: string;
  readonly thing: Thing;
}

/** One record of the audit log, without bodies, values or query strings. */
export const AUDIT = {
  /** Unix milliseconds. */
  at: integer(),
  actorType: text<ActorType>(),
  actorId: text<string | null>(),
  actor: text<string | null>(),
  credential: text<string | null>(),
  action: text(),
  /** The resource type: `sessions`, `secrets`, …. */
  resource: text(),
  resourceId: text<string | null>(),
  resourceName: text<string | null>(),
  spaceId: text<string | null>(),
  space: text<string | null>(),
  address: text<string | null>(),
  requestId: text<string | null>(),
  outcome: text<'ok' | RefusalCode>(),
  /** Greater than 1 for refusals of one kind that were counted together. */
  count: integer(),
};
export interface AuditRecord extends RowOf<typeof AUDIT> {}

/** A stored record. The store numbers records; numbers grow with time. */
export const STORED_AUDIT = { number: integer(), ...AUDIT };
export interface StoredAudit extends RowOf<typeof STORED_AUDIT> {}

/** Parts with their own bounds. `all` includes the others; `refused` includes refused strangers. */
export type AuditPart = 'messages' | 'strangers' | 'refused' | 'all';

/**
 * The action of message records. Messages outnumber everything else, so they have their own bounds.
 */
export const MESSAGE_ACTION = 'createMessage';

/**
 * Attribution of actions on the controller's machine: through its settings or raworc-controller.
 */
export const byOperator = (action: string, thing: Thing): Attribution => ({
  actor: { type: 'Operator', id: null, name: null },
  ...{ credential: 'machine', address: null, requestId: null, action, thing },
});

/** Attribution of a node's own actions and attempts. */
export const byNode = (action: string, node: Omit<Actor, 'type'> | undefined, credential: string | null, address: string): Attribution => ({
  actor: node === undefined ? { type: 'Anonymous', id: null, name: null } : { type: 'Node', ...node },
  ...{ credential, address, requestId: null, action },
  thing: { kind: 'nodes', ref: node?.id ?? null, space: null },
});

/** Returns the record of a request, as far as the request describes it. */
export function recordOf(
  { actor, credential, address, requestId, action, thing }: Attribution,
  outcome: AuditRecord['outcome'],
  at: number,
): AuditRecord {
  return {
    ...{ at, actorType: actor.type, actorId: actor.id, actor: actor.name, credential, action },
    ...{ resource: thing.kind, resourceId: thing.ref, resourceName: null, spaceId: null, space: thing.space },
    ...{ address, requestId, outcome, count: 1 },
  };
}
