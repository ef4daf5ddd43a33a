/**
 * Tables for lean-codec.ts, from the same descriptor as the other codecs. Supports only the types
 * that Raworc's messages use.
 */
import descriptor from './generated/descriptor.json' with { type: 'json' };

export type Kind =
  | { readonly is: 'string' | 'uint' | 'bool' }
  | { readonly is: 'enum'; readonly names: ReadonlyMap<number, string>; readonly numbers: ReadonlyMap<string, number> }
  | { readonly is: 'message'; readonly type: () => MessageType }
  | { readonly is: 'map' };

export interface Field {
  readonly name: string;
  readonly id: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  /** Whether the field belongs to a oneof. */
  readonly choice: boolean;
}

export interface MessageType {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly byId: ReadonlyMap<number, Field>;
}

interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, { type: string; id: number; rule?: string; keyType?: string }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly oneofs?: Readonly<Record<string, { oneof: readonly string[] }>>;
}

const root = descriptor as Node;
const types = new Map<string, MessageType>();

/** Returns a message type by its full name. Created on the first call. */
export function messageType(name: string): MessageType {
  const known = types.get(name);
  if (known) return known;
  const node = nodeAt(name);
  if (!node?.fields) throw new Error(`the descriptor lacks the message ${name}`);
  const choices = new Set(Object.values(node.oneofs ?? {}).flatMap((one) => one.oneof));
  const fields = Object.entries(node.fields).map(([field, { type, id, rule, keyType }]) => ({
    name: field,
    id,
    repeated: rule === 'repeated',
    choice: choices.has(field),
    kind: kindOf(type, keyType, name),
  }));
  const created = { name, fields, byId: new Map(fields.map((field) => [field.id, field])) };
  types.set(name, created);
  return created;
}

function kindOf(type: string, keyType: string | undefined, scope: string): Kind {
  if (keyType !== undefined) {
    if (keyType === 'string' && type === 'string') return { is: 'map' };
    throw new Error(`a map of ${keyType} to ${type} in ${scope} is not supported`);
  }
  if (type === 'string' || type === 'bool') return { is: type };
  if (type === 'uint32' || type === 'uint64') return { is: 'uint' };
  // Protocol Buffers resolve names from the innermost scope outwards.
  for (let within = scope; ; within = within.slice(0, Math.max(0, within.lastIndexOf('.')))) {
    const full = within === '' ? type : `${within}.${type}`;
    const node = nodeAt(full);
    if (node?.fields) return { is: 'message', type: () => messageType(full) };
    if (node?.values) {
      const values = Object.entries(node.values);
      return { is: 'enum', names: new Map(values.map(([word, number]) => [number, word])), numbers: new Map(values) };
    }
    if (within === '') throw new Error(`the type ${type} in ${scope} is unknown`);
  }
}

function nodeAt(name: string): Node | undefined {
  return name.split('.').reduce<Node | undefined>((node, part) => node?.nested?.[part], root);
}
