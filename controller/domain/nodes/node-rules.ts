/** What an operator allows each node, regardless of what the node claims. */
import { z } from 'zod';
import type { Requests } from '../sessions/rows.ts';

export interface NodeRule {
  /** Upper bound; undefined accepts the node's claim. */
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly sessions: number | undefined;
  /** Names of the spaces whose sessions and builds it accepts. Undefined: all. */
  readonly spaces: readonly string[] | undefined;
  /** Room that new sessions leave free, so that the sessions it has can wake. Default: none. */
  readonly reserved?: Requests | undefined;
}

/** By node name; `*` applies to every other node. */
export type NodeRules = ReadonlyMap<string, NodeRule>;

/**
 * Larger than any machine. Without it, a node that claims millions of CPUs would always look empty.
 */
export const SANE_NODE: NodeRule = { cpuMillis: 4_096_000, memoryBytes: 64 * 2 ** 40, sessions: undefined, spaces: undefined };

export const NO_RULES: NodeRules = new Map();

const rule = z.strictObject({
  cpu: z.number().positive().max(4096).optional(),
  memory_bytes: z.int().positive().optional(),
  sessions: z.int().min(1).max(1_000_000).optional(),
  spaces: z.array(z.string().min(1).max(253)).max(1000).optional(),
  reserved: z.strictObject({ cpu: z.number().min(0).max(4096).optional(), memory_bytes: z.int().min(0).optional() }).optional(),
});
const file = z.record(z.string().min(1).max(253), rule);

/**
 * Parses `{"node-1": {"spaces": ["team-a"], "cpu": 16}, "*": {…}}`. Throws an error with the
 * problem and its place.
 */
export function parseNodeRules(text: string): NodeRules {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = file.safeParse(json);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return new Map(
    Object.entries(parsed.data).map(([name, { cpu, memory_bytes, sessions, spaces, reserved }]) => [
      name,
      {
        ...{ cpuMillis: cpu === undefined ? undefined : Math.round(cpu * 1000), memoryBytes: memory_bytes, sessions, spaces },
        reserved: reserved && { cpuMillis: Math.round((reserved.cpu ?? 0) * 1000), memoryBytes: reserved.memory_bytes ?? 0 },
      },
    ]),
  );
}

/**
 * Returns the rule of a node: its own, otherwise that of `*`; {@link SANE_NODE} fills in the rest.
 */
export function ruleFor(rules: NodeRules, name: string): NodeRule {
  const own = rules.get(name) ?? rules.get('*');
  if (own === undefined) return SANE_NODE;
  return {
    cpuMillis: own.cpuMillis ?? SANE_NODE.cpuMillis,
    memoryBytes: own.memoryBytes ?? SANE_NODE.memoryBytes,
    sessions: own.sessions,
    spaces: own.spaces,
    reserved: own.reserved,
  };
}

/**
 * Returns whether some rule names a single node. A name then grants rights, so no node can choose
 * its own.
 */
const bindsNames = (rules: NodeRules): boolean => [...rules.keys()].some((name) => name !== '*');

/**
 * Returns the name of a node whose name was lost, for example by restoring an older backup. It is
 * the name that the node reports, unless rules name nodes: then it is a unique name that {@link
 * ruleOfNode} recognizes.
 */
export function nameByItself(rules: NodeRules, id: string, said: string): string {
  const name = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,53}$/.test(said) ? said : 'node';
  return bindsNames(rules) ? `${name.slice(0, 40)}${lost(id)}` : name;
}

const lost = (id: string) => `-${id.slice(0, 8)}`;

/** Like {@link ruleFor}, but a node that named itself gets no space until a rule names it. */
export function ruleOfNode(rules: NodeRules, { id, name }: { readonly id: string; readonly name: string }): NodeRule {
  const rule = ruleFor(rules, name);
  const isByItself = bindsNames(rules) && !rules.has(name) && name.endsWith(lost(id));
  return isByItself ? { ...rule, spaces: [] } : rule;
}

interface Capacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: unlimited. */
  readonly maxSessions: number;
}

/** Returns the part of a claim that the rule allows. */
export function within(rule: NodeRule, claimed: Capacity): Capacity {
  const { cpuMillis = claimed.cpuMillis, memoryBytes = claimed.memoryBytes, sessions = 0 } = rule;
  const { maxSessions } = claimed;
  return {
    cpuMillis: Math.min(claimed.cpuMillis, cpuMillis),
    memoryBytes: Math.min(claimed.memoryBytes, memoryBytes),
    maxSessions: sessions === 0 || maxSessions === 0 ? Math.max(sessions, maxSessions) : Math.min(sessions, maxSessions),
  };
}
