/** Who acted: an account, a node (by its certificate or join token), somebody on the controller's machine, or an unknown caller. */
import type { RefusalCode } from '../../contract/errors.ts';
import { integer, type RowOf, text } from '../engine/fields.ts';

export type ActorType = 'ServiceAccount' | 'Node' | 'Operator' | 'Anonymous';

export interface Actor {
  readonly type: ActorType;
  readonly id: string | null;
  readonly name: string | null;
}

/** What a request is about, as far as its path says: the record takes the rest from the change itself. */
export interface Thing {
  readonly kind: string;
  /** An id or a name. */
  readonly ref: string | null;
  readonly space: string | null;
}

/** Who does something, by what, from where. One for each request. */
export interface Attribution {
  readonly actor: Actor;
  /** `token:ID`, `key:ID`, `certificate:SERIAL`, `join-token:ID`, `password`, or `machine`. Never the credential itself. */
  readonly credential: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  /** The operation's name in the OpenAPI document, for what comes by REST. */
  readonly action: string;
  readonly thing: Thing;
}

/** One line of the audit record. It holds no bodies, no values and no query strings. */
export const AUDIT = {
  /** Unix milliseconds. */
  at: integer(),
  actorType: text<ActorType>(),
  actorId: text<string | null>(),
  actor: text<string | null>(),
  credential: text<string | null>(),
  action: text(),
  /** What kind of thing: `sessions`, `secrets`, …. */
  resource: text(),
  resourceId: text<string | null>(),
  resourceName: text<string | null>(),
  spaceId: text<string | null>(),
  space: text<string | null>(),
  address: text<string | null>(),
  requestId: text<string | null>(),
  outcome: text<'ok' | RefusalCode>(),
  /** More than 1 where refusals of one kind were counted together. */
  count: integer(),
};
export interface AuditRecord extends RowOf<typeof AUDIT> {}

/** As the store numbers it. Numbers grow with time. */
export const STORED_AUDIT = { number: integer(), ...AUDIT };
export interface StoredAudit extends RowOf<typeof STORED_AUDIT> {}

/** Parts with bounds of their own. `all` is everything, the others included; `refused` is also what strangers were refused. */
export type AuditPart = 'messages' | 'strangers' | 'refused' | 'all';

/** What messages are recorded as: there are more of them than of everything else, and they have bounds of their own. */
export const MESSAGE_ACTION = 'createMessage';

/** What is done at the controller's own machine: by its settings, or by raworc-controller. */
export const byOperator = (action: string, thing: Thing): Attribution => ({
  actor: { type: 'Operator', id: null, name: null },
  ...{ credential: 'machine', address: null, requestId: null, action, thing },
});

/** What a node does in its own name, or tries to. */
export const byNode = (action: string, node: Omit<Actor, 'type'> | undefined, credential: string | null, address: string): Attribution => ({
  actor: node === undefined ? { type: 'Anonymous', id: null, name: null } : { type: 'Node', ...node },
  ...{ credential, address, requestId: null, action },
  thing: { kind: 'nodes', ref: node?.id ?? null, space: null },
});

/** The record of a request, as far as the request says. */
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
