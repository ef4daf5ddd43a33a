/**
 * What the simulated agents do together. A message can carry a script: the agent that gets it asks
 * others, group by group, and answers or hands over. Its answer is a function of the script and of
 * the answers that it got.
 */
import type { HopObject } from '../../../controller/contract/messages.ts';
import type { SeededRandom } from './random.ts';

export interface Script {
  /** Each group is asked at once; the next begins once all have answered. */
  readonly asks?: readonly (readonly Call[])[];
  readonly hand?: Call;
}

export interface Call {
  readonly to: string;
  readonly script?: Script;
}

const MAX_DEPTH = 3;

/** Mostly an agent that can be asked, and sometimes one that rests, none, or one that waits. */
function someAgent(random: SeededRandom, waiting: readonly string[]): string {
  const agent = random.weighted({ once: 25, again: 25, aside: 25, apart: 25, moody: 15, nobody: 3 });
  return waiting.includes(agent) && random.chance(0.9) ? someAgent(random, waiting) : agent;
}

/** `waiting`: the agents that have the message or wait for the answer. */
export function someScript(random: SeededRandom, waiting: readonly string[]): Script {
  const depth = waiting.length - 1;
  const call = (): Call => {
    const to = someAgent(random, waiting);
    return depth < MAX_DEPTH && random.chance(0.4) ? { to, script: someScript(random, [...waiting, to]) } : { to };
  };
  const groups = Number(random.weighted({ 0: 25, 1: 55, 2: 20 }));
  const asks = Array.from({ length: depth === 0 ? groups : Math.min(groups, 1) }, () =>
    Array.from({ length: random.whole(1, depth === 0 ? 3 : 2) }, call),
  );
  const hand = random.chance(0.35) || asks.length === 0 ? { hand: call() } : {};
  return { ...(asks.length === 0 ? {} : { asks }), ...hand };
}

export const scripted = (name: string, script: Script): string => `${name} ${JSON.stringify(script)}`;

/** Returns the name and the script of a message; undefined if it carries none. */
export function scriptIn(content: string): { readonly name: string; readonly script: Script } | undefined {
  const at = content.indexOf(' {');
  return at < 0 ? undefined : { name: content.slice(0, at), script: JSON.parse(content.slice(at + 1)) };
}

/** What is asked in a group, in the order of the script. The texts of one message differ. */
export function asksOf(name: string, { asks = [] }: Script): { readonly to: string; readonly content: string }[][] {
  return asks.map((group, at) =>
    group.map(({ to, script }, of) => ({ to, content: contentOf(`${name}.${at}${'abc'[of] ?? ''}`, script) })),
  );
}

export const handOf = (name: string, { hand }: Script) => hand && { to: hand.to, content: contentOf(`${name}.h`, hand.script) };

const contentOf = (name: string, script: Script | undefined) => (script === undefined ? name : scripted(name, script));

export type End = { readonly reply: string } | { readonly reason: string };

export const replyTo = (name: string, ends: readonly End[]): string =>
  `re: ${name} [${ends.map((end) => ('reply' in end ? end.reply : `!${end.reason}`)).join(', ')}]`;

const endOf = ({ outcome, answer, reason = '' }: HopObject): End => (outcome === 'reply' ? { reply: answer } : { reason });
const isSame = (a: End, b: End) => JSON.stringify(a) === JSON.stringify(b);

/**
 * Returns what is wrong with the trace of an answered message: a hop that nobody asked for, that is
 * missing, or whose answer does not follow from its own hops. `again`: the message was begun more
 * than once, and hops of earlier attempts are still there.
 */
export function faultsOfTrace(content: string, end: End, hops: readonly HopObject[], again: boolean): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();

  /** The newest hop with that content below `parent`. */
  const found = (parent: string | undefined, kind: HopObject['kind'], to: string, question: string): HopObject | undefined => {
    const all = hops.filter((hop) => hop.parent_id === parent && hop.kind === kind && hop.to === to && hop.question === question);
    for (const { id } of all) seen.add(id);
    if (all.length > 1 && !again) faults.push(`${to} was asked ${all.length} times: ${question}`);
    for (const earlier of all.slice(0, -1)) for (const hop of below(hops, earlier.id)) seen.add(hop.id);
    return all.at(-1);
  };

  const judge = (parent: string | undefined, asked: string, ended: End): void => {
    const has = scriptIn(asked);
    const { name, script } = has ?? { name: asked, script: {} };
    const ends: End[] = [];
    let missing = 0;
    for (const { to, content: question } of asksOf(name, script).flat()) {
      const hop = found(parent, 'ask', to, question);
      if (hop === undefined) {
        missing += 1;
        continue;
      }
      ends.push(endOf(hop));
      judge(hop.id, question, endOf(hop));
    }
    const hand = handOf(name, script);
    const handed = hand && found(parent, 'handoff', hand.to, hand.content);
    if (handed !== undefined) {
      // A guest that started again knows no better reason of a hop that had not ended, nor the answer of one
      // that had ended before it could give that.
      const wasCut = 'reason' in ended && (handed.reason === 'interrupted' || ended.reason === 'agent_died');
      if (missing > 0) faults.push(`${name} was handed over before ${missing} of its asks`);
      if (!isSame(endOf(handed), ended) && !wasCut) faults.push(`${name} ended otherwise than what it was handed over as`);
      judge(handed.id, hand?.content ?? '', endOf(handed));
      return;
    }
    if (!('reply' in ended)) return;
    if (missing > 0) faults.push(`${name} got a reply, and ${missing} of its asks are not in the trace`);
    if (hand !== undefined) faults.push(`${name} got a reply, and was not handed over`);
    const expected = has === undefined ? `re: ${asked}` : replyTo(name, ends);
    if (ended.reply !== expected) faults.push(`${name} got "${ended.reply}", not "${expected}"`);
  };

  // Without a reply, it is unknown which hops are of the last attempt.
  if (!again || 'reply' in end) judge(undefined, content, end);
  for (const hop of hops) {
    if (hop.parent_id !== undefined && !hops.some(({ id }) => id === hop.parent_id)) faults.push(`the parent of ${hop.id} is missing`);
    if (hop.run_id === undefined && hop.outcome === 'reply') faults.push(`${hop.id} got a reply without a run`);
    if (!seen.has(hop.id) && !again) faults.push(`${hop.id} is no hop of the script: ${hop.question}`);
  }
  return faults;
}

function below(hops: readonly HopObject[], id: string): readonly HopObject[] {
  const children = hops.filter(({ parent_id: parent }) => parent === id);
  return [...children, ...children.flatMap((child) => below(hops, child.id))];
}
