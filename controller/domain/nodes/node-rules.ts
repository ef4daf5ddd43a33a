/** What an operator allows of each node, whatever the node says of itself. */
import { z } from 'zod';

export interface NodeRule {
  /** At most; undefined: as much as the node claims. */
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly sessions: number | undefined;
  /** Names of the spaces whose sessions and builds it may get. Undefined: all. */
  readonly spaces: readonly string[] | undefined;
}

/** By the name of a node; `*` is for every node that is not named. */
export type NodeRules = ReadonlyMap<string, NodeRule>;

/** No machine has more. Without it, one node that claims millions would look empty whatever it gets. */
export const SANE_NODE: NodeRule = { cpuMillis: 4_096_000, memoryBytes: 64 * 2 ** 40, sessions: undefined, spaces: undefined };

export const NO_RULES: NodeRules = new Map();

const rule = z.strictObject({
  cpu: z.number().positive().max(4096).optional(),
  memory_bytes: z.int().positive().optional(),
  sessions: z.int().min(1).max(1_000_000).optional(),
  spaces: z.array(z.string().min(1).max(253)).max(1000).optional(),
});
const file = z.record(z.string().min(1).max(253), rule);

/** Reads `{"node-1": {"spaces": ["team-a"], "cpu": 16}, "*": {…}}`. Throws an error that says what is wrong, and where. */
export function parseNodeRules(text: string): NodeRules {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = file.safeParse(json);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return new Map(
    Object.entries(parsed.data).map(([name, { cpu, memory_bytes, sessions, spaces }]) => [
      name,
      { cpuMillis: cpu === undefined ? undefined : Math.round(cpu * 1000), memoryBytes: memory_bytes, sessions, spaces },
    ]),
  );
}

/** The rule for a node: its own, else that of all others; what it leaves out is {@link SANE_NODE}. */
export function ruleFor(rules: NodeRules, name: string): NodeRule {
  const own = rules.get(name) ?? rules.get('*');
  if (own === undefined) return SANE_NODE;
  return {
    cpuMillis: own.cpuMillis ?? SANE_NODE.cpuMillis,
    memoryBytes: own.memoryBytes ?? SANE_NODE.memoryBytes,
    sessions: own.sessions,
    spaces: own.spaces,
  };
}

/** Whether some rule is for one node only: then a name is a right, and nobody has it by their own word. */
const bindsNames = (rules: NodeRules): boolean => [...rules.keys()].some((name) => name !== '*');

/**
 * What a node is called whose name was lost, as with a backup from before it joined: what it says itself, where that gives it nothing.
 * Where rules go by names it is one that no other node has, and {@link ruleOfNode} knows it.
 */
export function nameByItself(rules: NodeRules, id: string, said: string): string {
  const name = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,53}$/.test(said) ? said : 'node';
  return bindsNames(rules) ? `${name.slice(0, 40)}${lost(id)}` : name;
}

const lost = (id: string) => `-${id.slice(0, 8)}`;

/** As {@link ruleFor}; no space for a node that named itself, until a rule names it so. */
export function ruleOfNode(rules: NodeRules, { id, name }: { readonly id: string; readonly name: string }): NodeRule {
  const rule = ruleFor(rules, name);
  const isByItself = bindsNames(rules) && !rules.has(name) && name.endsWith(lost(id));
  return isByItself ? { ...rule, spaces: [] } : rule;
}

interface Capacity {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: no bound of its own. */
  readonly maxSessions: number;
}

/** What of a claim counts. */
export function within(rule: NodeRule, claimed: Capacity): Capacity {
  const { cpuMillis = claimed.cpuMillis, memoryBytes = claimed.memoryBytes, sessions = 0 } = rule;
  const { maxSessions } = claimed;
  return {
    cpuMillis: Math.min(claimed.cpuMillis, cpuMillis),
    memoryBytes: Math.min(claimed.memoryBytes, memoryBytes),
    maxSessions: sessions === 0 || maxSessions === 0 ? Math.max(sessions, maxSessions) : Math.min(sessions, maxSessions),
  };
}
