import type { HopObject } from '../../../controller/contract/messages.ts';
import type { MessageId, SessionId } from '../../../controller/domain/engine/ids.ts';
import { ROUTER } from '../../../controller/domain/messages/router.ts';
import type { MessageRow } from '../../../controller/domain/messages/rows.ts';
import type { MessageFact, SessionFact } from './book.ts';
import type { Run } from './chronicle.ts';
import type { Client } from './client.ts';
import type { Cluster } from './cluster.ts';
import { choiceFor } from './router.ts';
import { type End, faultsOfTrace, scriptIn } from './scripts.ts';

const PAGE = { limit: 1000, offset: 0 } as const;

/** Now and then reads a session's messages with their hops, and a trace. */
export async function readTraces(client: Client, { id }: SessionFact): Promise<void> {
  const { cluster, book } = client;
  // Apart, so that other draws stay as they were.
  const apart = client.random.fork(`traces of ${id} at ${cluster.time.now}`);
  if (!cluster.together || !apart.chance(0.3)) return;
  const all = await client.ask(`read ${id} with hops`, (services, caller) =>
    services.messages.list(caller, id as SessionId, { include: 'hops' }, PAGE),
  );
  if (all === 'lost' || !all.ok) return;
  for (const [at, { seq }] of all.value.items.entries())
    if (seq <= (all.value.items[at - 1]?.seq ?? 0)) client.violation(`message ${seq} of ${id}, with hops, is out of order`);
  const message = apart.pick([...book.messages.values()].filter(({ sessionId, role }) => sessionId === id && role === 'user'));
  if (message === undefined) return;
  const traced = await client.ask(`trace ${message.id}`, (services, caller) =>
    services.messages.trace(caller, id as SessionId, message.id),
  );
  if (traced === 'lost') return;
  if (!traced.ok) {
    const { code } = traced.refusal;
    const { view } = cluster;
    const isThere = view.get('messages', message.id) !== undefined && view.get('sessions', id)?.desired !== 'deleted';
    if (code !== 'UNAVAILABLE' && code !== 'RATE_LIMITED' && (isThere || code !== 'NOT_FOUND'))
      client.violation(`trace ${message.id}: ${code}`);
    return;
  }
  const { state, hops, answer } = traced.value;
  if ((state === 'answered') !== (answer !== undefined))
    client.violation(`the trace of ${message.id} is ${state}, its answer is ${answer?.id}`);
  if (state !== 'answered' && hops.length > 0) client.violation(`the trace of ${message.id} has hops, and is ${state}`);
}

/** The trace of an answered message is complete: every hop follows from the script, and so does the answer. */
export function judgeTrace(cluster: Cluster, { id, content, sessionId, postedAt }: MessageFact, answer: MessageRow): void {
  const { auditors, chronicle, violation } = cluster;
  const hops = auditors.hops.of(id);
  const runs = chronicle.runsOf(id);
  const { type, reason, hops: counted = 0 } = answer.metadata;
  if (counted !== hops.length) violation(`${id} has ${hops.length} hops, and its answer counts ${counted}`);
  const end: End = type === 'agent_response' ? { reply: answer.content } : { reason: String(reason) };
  if (scriptIn(content) === undefined) {
    // All that an agent without a script does is to answer; a model can have chosen it.
    const last = hops.at(-1);
    for (const { from, to, kind, question } of hops)
      if (from !== ROUTER || kind !== 'handoff' || to !== choiceFor(content) || question !== content)
        violation(`${id} has a hop from ${from} to ${to}, and no script`);
    if (last !== undefined && type === 'agent_response' && last.answer !== answer.content)
      violation(`${id} was handed over for "${last.answer}", and got "${answer.content}"`);
    return;
  }
  const again = runs.filter(({ hop }) => hop === undefined).length > 1;
  for (const fault of faultsOfTrace(content, end, hops, again)) violation(`the trace of ${id} of ${sessionId}: ${fault}`);
  for (const hop of hops) {
    const hasFailed = hop.outcome === 'error' && !hops.some((child) => child.kind === 'handoff' && child.parent_id === hop.id);
    if (hasFailed && !isExcused(cluster, { hop, hops, runs, sessionId, messageId: id, postedAt, again }))
      violation(`the hop ${hop.id} of ${id} from ${hop.from} to ${hop.to} got ${hop.reason} ("${hop.answer}")`);
  }
}

interface Failed {
  readonly hop: HopObject;
  readonly hops: readonly HopObject[];
  readonly runs: readonly Run[];
  readonly sessionId: string;
  readonly messageId: string;
  readonly postedAt: number;
  readonly again: boolean;
}

function isExcused({ view, chronicle, auditors, restores }: Cluster, failed: Failed): boolean {
  const { hop, hops, runs, sessionId, messageId, postedAt, again } = failed;
  const session = view.get('sessions', sessionId);
  const own = runs.filter((run) => run.hop === hop.id);
  const has = (name: string) => session?.agents.some((agent) => agent.name === name) === true;
  const wasKilled = (chronicle.guestKills.get(sessionId) ?? 0) > 0;
  const rested = hop.to === 'moody' && auditors.stops.hasRested(session?.spaceId ?? '', 'moody', postedAt);
  const excuses: Readonly<Record<string, boolean>> = {
    agent_unknown: !has(hop.to) || restores > 0,
    agent_stopped: rested,
    agent_inactive: rested,
    agent_failed: own.some(({ end }) => end === 'raised'),
    agent_died: own.some((run) => run.end === 'died' || chronicle.wasCutOff(run)) || wasKilled,
    interrupted: chronicle.wasSuspended(sessionId) || wasKilled || again,
    cancelled: auditors.cancels.wasAsked(messageId as MessageId),
    asker_ended: runs.some(({ end }) => end !== 'replied'),
    cycle: hop.kind === 'handoff' || callersOf(hop, hops).includes(hop.to),
    // Another message, or another branch of this one, has all places of the agent.
    deadlock: has(hop.to),
    too_deep: callersOf(hop, hops).length >= 8,
    too_many_hops: hops.length >= 100,
    disk_full: chronicle.volumesFilled.has(sessionId),
  };
  return excuses[String(hop.reason)] === true;
}

/** The agents that wait for the answer to a hop. */
function callersOf(hop: HopObject, hops: readonly HopObject[]): readonly string[] {
  const parent = hops.find(({ id }) => id === hop.parent_id);
  return [hop.from, ...(parent === undefined ? [] : callersOf(parent, hops))];
}
