/** Ids, each of its own type, so that one cannot be passed for another. All are UUIDs. */
declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type AccountId = Id<'account'>;
export type SpaceId = Id<'space'>;
export type AgentId = Id<'agent'>;
export type BuildId = Id<'build'>;
export type SessionId = Id<'session'>;
export type MessageId = Id<'message'>;
export type NodeId = Id<'node'>;
