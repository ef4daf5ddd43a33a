/** Agents that ask one another and hand over as their message says, and what must come of it. */
import type { SeededRandom } from '../simulation/world/random.ts';

/** What one agent does: it answers alone, asks others at once, or hands over to another. */
export interface Task {
  readonly agent: string;
  readonly number: number;
  readonly asks: readonly Task[];
  readonly handsTo: Task | undefined;
}

export const AGENTS = ['a', 'b', 'c'];

/** Each agent notes each start durably, before anything else. */
const PYTHON = (name: string) => `
import asyncio, json, os
from raworc import handoff

def note(context):
    with open("/session/workspace/record", "a") as file:
        file.write(context["message_id"] + " " + context.get("hop", {}).get("id", "-") + "\\n")
        file.flush()
        os.fsync(file.fileno())

async def process_message(message, context):
    note(context)
    task = json.loads(message)
    if task.get("handsTo"):
        return handoff(task["handsTo"]["agent"], task["handsTo"])
    answers = await asyncio.gather(*(context.ask(one["agent"], one) for one in task["asks"]))
    await asyncio.sleep(0.02)
    return "${name}%d(%s)" % (task["number"], ",".join(answers))
`;
const NODE = (name: string) => `
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { handoff } from 'raworc';

export async function processMessage(message, context) {
  const file = openSync('/session/workspace/record', 'a');
  writeSync(file, context.message_id + ' ' + (context.hop?.id ?? '-') + '\\n');
  fsyncSync(file);
  closeSync(file);
  const task = JSON.parse(message);
  if (task.handsTo) return handoff(task.handsTo.agent, task.handsTo);
  const answers = await Promise.all(task.asks.map((one) => context.ask(one.agent, one)));
  await setTimeout(20);
  return \`${name}\${task.number}(\${answers.join(',')})\`;
}
`;

/** The files of each agent, by its name. */
export const SOURCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  a: { 'main.py': PYTHON('a') },
  b: { 'index.mjs': NODE('b') },
  c: { 'main.py': PYTHON('c') },
};

export const answerOf = ({ agent, number, asks, handsTo }: Task): string =>
  handsTo === undefined ? `${agent}${number}(${asks.map(answerOf).join(',')})` : answerOf(handsTo);

/** Returns a task without cycles: agents that wait for it do not appear below it. */
export function someTask(random: SeededRandom, number: number, agents: readonly string[] = AGENTS): Task {
  const agent = random.pick(agents) ?? 'a';
  const others = agents.filter((name) => name !== agent);
  const alone: Task = { agent, number, asks: [], handsTo: undefined };
  if (others.length === 0) return alone;
  const deed = random.weighted({ alone: 1, asks: 4, hands: 3 });
  if (deed === 'alone') return alone;
  if (deed === 'hands') return { ...alone, handsTo: someTask(random, number, others) };
  // Agents that answer at once only ask what no sibling works on, so that no branch waits for another.
  const [first = '', second = ''] = random.chance(0.5) ? others : others.toReversed();
  if (others.length > 1 && random.chance(0.5))
    return { ...alone, asks: [someTask(random, number, [first]), someTask(random, number, [second])] };
  return { ...alone, asks: [someTask(random, number, others)] };
}
