/** What must be true once everything is healed and at rest. */

import type { View } from '../../../controller/domain/engine/view.ts';
import { namesake } from '../../../controller/domain/images/needed.ts';
import type { MessageRow } from '../../../controller/domain/messages/rows.ts';
import { isSettled } from '../../../controller/domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { AnswerOrder } from './answer-order.ts';
import type { Book, MessageFact } from './book.ts';
import type { Cluster } from './cluster.ts';
import type { Machine } from './machine.ts';
import { isRemoved, unforgotten, unmaintained } from './maintenance.ts';
import { judgeOnce } from './once.ts';
import { answerOfModel, choiceFor } from './router.ts';
import { scriptIn } from './scripts.ts';
import { judgeSlots, lackingSlot, unreadySlot } from './slots/judge-slots.ts';
import { NARROW, SPACE } from './store.ts';
import { judgeTrace } from './traces.ts';

/** The container's state in the desired state of a session; undefined if there is none. */
const STATES: Readonly<Record<string, string | undefined>> = { running: 'running', paused: 'paused' };

/** Returns why the cluster is not at rest; undefined if it is. */
export function unrest(cluster: Cluster): string | undefined {
  const { view, machines, controller, chronicle } = cluster;
  if (controller === undefined) return 'the controller is down';
  const [build] = [...view.assignedBuilds(), ...view.waitingBuilds(1)];
  if (build !== undefined) return `the build ${build.id} is ${build.status}`;
  // A listing that an engine lost as it hung has its time limit before the next one.
  const lacking = lackingImage(cluster) ?? lackingSlot(cluster);
  if (lacking !== undefined) return lacking;
  for (const machine of machines) {
    if (isRemoved(cluster, machine)) {
      const left = unforgotten(cluster, machine);
      if (left !== undefined) return left;
      continue;
    }
    const row = view.nodeByName(machine.name);
    if (row === undefined || !controller.core.fleet.isConnected(row.id)) return `${machine.name} is not connected`;
    // Its build can have ended a moment before.
    const jobs = machine.agent?.isPrevious === true ? 0 : machine.builds.jobs.size;
    if (jobs > 0) return `${machine.name} has ${jobs} containers of builds`;
    const maintenance = unmaintained(cluster, row.id);
    if (maintenance !== undefined) return maintenance;
    const [tombstone] = view.tombstonesOf(row.id);
    if (tombstone !== undefined) return `${machine.name} has not removed ${tombstone.id}`;
    const [removal] = machine.agent?.ledger?.openTombstones() ?? [];
    if (removal !== undefined) return `${machine.name} is still to remove ${removal.sessionId}`;
    for (const id of [...machine.host.containers.keys(), ...machine.host.volumes.keys()]) {
      const held = view.get('sessions', id);
      if (held === undefined && view.get('slots', id as SessionRow['id'])?.nodeId === row.id) continue;
      // An orphan stays until an operator decides, who sees it once its node has reported it.
      if (held === undefined && chronicle.forgotten.has(id)) {
        const told = controller.core.fleet.stream(row.id)?.facts.orphans ?? [];
        if (!told.some(({ sessionId }) => sessionId === id)) return `${machine.name} has not told of the orphan ${id}`;
        continue;
      }
      if (held === undefined || held.desired === 'deleted') return `${machine.name} still holds something of ${id}, deleted`;
    }
    const slot = unreadySlot(view, machine);
    if (slot !== undefined) return slot;
    for (const session of view.sessionsOnAfter(row.id, '', Number.MAX_SAFE_INTEGER)) {
      if (!isSettled(session)) {
        const { desired, generation, phase, observedGeneration } = session;
        return `${session.id} should be ${desired} (${generation}), and is ${phase} (${observedGeneration})`;
      }
      // A slow engine can report a recent exit late.
      const state = machine.host.containers.get(session.id)?.state;
      if (state !== STATES[session.desired]) return `${session.id} should be ${session.desired}, its container is ${state}`;
      const [waiting] = session.desired === 'running' ? view.queued(session.id, 1) : [];
      if (waiting !== undefined) return `${session.id} has not answered ${waiting.id} (${waiting.seq})`;
    }
  }
  return undefined;
}

export function judge(cluster: Cluster, book: Book): void {
  for (const row of cluster.chronicle.sessions.values()) {
    const stored = cluster.view.get('sessions', row.id);
    if (stored === undefined) cluster.violation(`the row of ${row.id} is gone`);
    else if (stored.desired === 'deleted') judgeDeleted(cluster, stored);
    else judgeLive(cluster, stored);
  }
  for (const [id, fact] of book.sessions) {
    const desired = cluster.view.get('sessions', id)?.desired;
    if (fact.deletion === 'done' && desired !== 'deleted') cluster.violation(`${id} was deleted, and is ${desired}`);
    if (fact.deletion === 'none' && !fact.hasTimeouts && desired === 'deleted') cluster.violation(`${id} was deleted by nobody`);
  }
  for (const message of book.messages.values()) judgeMessage(cluster, book, message);
  judgeMachines(cluster);
  judgeSlots(cluster);
  judgeBuild(cluster);
  cluster.auditors.judge(presentIn(cluster));
  judgeOnce(cluster);
  judgeRuns(cluster);
}

/** The machines that were not removed: nothing is known of what runs on the others. */
const presentIn = (cluster: Cluster): readonly Machine[] => cluster.machines.filter((machine) => !isRemoved(cluster, machine));

const machineOf = ({ machines }: Cluster, row: SessionRow): Machine | undefined => machines.find(({ id }) => id === row.nodeId);

function judgeDeleted(cluster: Cluster, row: SessionRow): void {
  for (const { host, name } of presentIn(cluster)) {
    if (host.containers.has(row.id)) cluster.violation(`${name} still has the container of ${row.id}, deleted`);
    if (host.volumes.has(row.id)) cluster.violation(`${name} still has the volume of ${row.id}, deleted`);
  }
  const hops = cluster.auditors.hops.countIn(row.id);
  if (hops > 0) cluster.violation(`${hops} rows of hops of ${row.id} outlive it`);
  if (cluster.view.messagesBefore(row.id, Number.MAX_SAFE_INTEGER, 1).length > 0) cluster.violation(`messages of ${row.id} outlive it`);
}

function judgeLive(cluster: Cluster, row: SessionRow): void {
  const machine = machineOf(cluster, row);
  if (machine === undefined) return cluster.violation(`${row.id} is on no machine`);
  if (isRemoved(cluster, machine)) {
    if (row.desired !== 'failed') cluster.violation(`${row.id} is ${row.desired} on ${machine.name}, which was removed`);
    return judgeMessages(cluster, row);
  }
  const container = machine.host.containers.get(row.id);
  const volume = machine.host.volumes.get(row.id);
  const should = STATES[row.desired];
  if (container?.state !== should)
    cluster.violation(`the container of ${row.id} is ${container?.state}, it should be ${should} (${row.desired})`);
  if (should !== undefined && container?.id !== row.containerId)
    cluster.violation(`the container of ${row.id} is not the one in the store`);
  if (volume === undefined && (row.hasRun || row.volume !== null) && !mayHaveNoVolume(cluster, row))
    cluster.violation(`the volume of ${row.id} is lost`);
  for (const other of cluster.machines) {
    if (other !== machine && (other.host.containers.has(row.id) || other.host.volumes.has(row.id)))
      cluster.violation(`${other.name} holds something of ${row.id}, which is on ${machine.name}`);
  }
  judgeMessages(cluster, row);
}

const mayHaveNoVolume = ({ chronicle }: Cluster, { id }: SessionRow): boolean =>
  chronicle.volumesLost.has(id) || chronicle.volumeless.has(id);

export function messagesOf(view: View, id: SessionRow['id']): readonly MessageRow[] {
  return view.messagesBefore(id, Number.MAX_SAFE_INTEGER, 100_000).toReversed();
}

/** Every message has one answer, in order. */
function judgeMessages(cluster: Cluster, row: SessionRow): void {
  const messages = messagesOf(cluster.view, row.id);
  const asked = new Map(messages.filter(({ role }) => role === 'user').map((message) => [message.id, message]));
  const order = new AnswerOrder();
  const answered = new Set<string>();
  for (const { id, inReplyTo, seq, role, createdBy } of messages) {
    if (role !== 'agent') continue;
    const question = inReplyTo === null ? undefined : asked.get(inReplyTo);
    if (question === undefined) {
      cluster.violation(`${id} in ${row.id} answers nothing that is there`);
      continue;
    }
    if (answered.has(question.id)) cluster.violation(`${question.id} has two answers`);
    answered.add(question.id);
    const overtaken = order.overtaken(question.seq, question.metadata.agent, createdBy);
    if (overtaken !== undefined) cluster.violation(`${question.seq} of ${row.id} was answered (${seq}) after ${overtaken}`);
  }
  if (row.desired !== 'running' && row.desired !== 'failed') return;
  for (const { id, seq } of asked.values()) if (!answered.has(id)) cluster.violation(`${id} (${seq}) of ${row.id} has no answer`);
  const held = cluster.view.queued(row.id, 10_000).filter(({ acceptedAt }) => acceptedAt !== null).length;
  if (row.outstanding !== held) cluster.violation(`${row.id} counts ${row.outstanding} outstanding, there are ${held}`);
}

/** The promises to clients are kept. */
function judgeMessage(cluster: Cluster, { sessions }: Book, fact: MessageFact): void {
  const { id, sessionId, seq, postedAt, content, role, expects } = fact;
  const { view, chronicle } = cluster;
  const session = view.get('sessions', sessionId);
  if (session?.desired === 'deleted') return;
  const row = view.get('messages', id);
  if (row === undefined) {
    const clearedUntil = sessions.get(sessionId)?.clearedUntil ?? -1;
    if (clearedUntil < postedAt) cluster.violation(`message ${id} of ${sessionId} is lost`);
    return;
  }
  if (row.seq !== seq || row.content !== content) cluster.violation(`message ${id} is not as it was posted`);
  if (role === 'system') return;
  const answer = view.answerTo(row.id);
  if (answer === undefined) return;
  const { type, reason } = answer.metadata;
  const runs = chronicle.runsOf(id);
  const script = scriptIn(content);
  judgeTrace(cluster, fact, answer);
  if (type === 'agent_response') {
    if (expects === 'routed' && answer.metadata.agent !== choiceFor(content)) cluster.violation(`${id} went to ${answer.metadata.agent}`);
    if (expects !== 'reply' && expects !== 'moody' && expects !== 'routed') cluster.violation(`${id} got a reply, not ${expects}`);
    if (script === undefined && answer.content !== `re: ${content}`)
      cluster.violation(`${id} (${content}) got the reply "${answer.content}"`);
    if (!runs.some(({ end }) => end === 'replied')) cluster.violation(`${id} got a reply, and no run gave one`);
    return;
  }
  // The trace excuses an answer that is from an agent to which the message was handed over.
  const handed = script && cluster.auditors.hops.of(id).some((hop) => hop.kind === 'handoff' && hop.reason === reason);
  if (handed === true) return;
  const hasMoody = session?.agents.some(({ name }) => name === 'moody') === true;
  // Adopted after a restore from a backup without the build of its image.
  const hasNone = session?.agents.length === 0 && cluster.restores > 0;
  if (type === 'model_response') {
    if (expects !== 'routed' || (choiceFor(content) !== 'itself' && !hasNone))
      cluster.violation(`${id} (${content}) got an answer of a model`);
    if (answer.content !== answerOfModel(content)) cluster.violation(`${id} (${content}) got "${answer.content}" of the model`);
    return;
  }
  const hasRested = expects === 'moody' && cluster.auditors.stops.hasRested(session?.spaceId ?? '', 'moody', postedAt);
  const ended = (...ends: string[]) => runs.some(({ end }) => ends.includes(end));
  const excuses: Readonly<Record<string, boolean>> = {
    agent_unknown: expects === 'agent_unknown' || (expects === 'moody' && !hasMoody) || hasNone,
    agent_inactive: hasRested,
    agent_stopped: hasRested,
    // The model of the narrow space comes and goes.
    agent_ambiguous: expects === 'routed' && view.get('spaces', session?.spaceId ?? '')?.name === NARROW,
    no_agent: expects === 'routed' && hasNone,
    model_failed: chronicle.modelFailures.has(id),
    agent_failed: ended('raised'),
    // judgeRuns counts runs that started durably but whose agent had not seen the message.
    agent_died:
      ended('died') ||
      runs.some((run) => chronicle.wasCutOff(run)) ||
      (runs.length === 0 && (chronicle.guestKills.get(sessionId) ?? 0) > 0),
    // Also for a run that started durably but whose agent had not seen the message.
    interrupted: (ended('stopped') || runs.length === 0 || script !== undefined) && chronicle.wasSuspended(sessionId),
    cancelled: cluster.auditors.cancels.wasAsked(id),
    host_lost: chronicle.failed.has(sessionId) && chronicle.lostNodes.has(session?.nodeId ?? ''),
    session_failed: chronicle.failed.has(sessionId),
    // Its guest had settled it before the restore.
    answer_lost: cluster.restores > 0,
    disk_full: chronicle.volumesFilled.has(sessionId),
  };
  if (excuses[String(reason)] !== true)
    cluster.violation(
      `${id} of ${sessionId} got ${reason} ("${answer.content}") with runs ${runs.map(({ end }) => end).join(', ') || 'none'}`,
    );
}

/** The image of new sessions has every agent. */
function judgeBuild({ view, violation }: Cluster): void {
  const build = view.newestBuild(SPACE, 'completed');
  if (build === undefined) return violation('no build is left');
  for (const wanted of ['once', 'again'])
    if (!build.agents.some(({ name }) => name === wanted)) violation(`the build ${build.id} lacks ${wanted}`);
}

/** The image of new sessions is on the node that built it: perhaps for an earlier build, after which nothing changed. */
function lackingImage({ view, controller, chronicle }: Cluster): string | undefined {
  const build = view.newestBuild(SPACE, 'completed');
  const maker = build && (namesake(view, build.image) ?? build);
  const node = maker && controller?.core.directory.node(maker.nodeId);
  const isThere = !build || !node || node.images.has(build.image) || chronicle.imagesPruned.has(node.name);
  return isThere ? undefined : `${node.name} lacks ${build.image}`;
}

/** Nothing exists without a row, and no node has more than its capacity. */
function judgeMachines(cluster: Cluster): void {
  for (const { host, name, id, agent } of presentIn(cluster)) {
    for (const sessionId of new Set([...host.containers.keys(), ...host.volumes.keys()])) {
      const { sessions, forgotten } = cluster.chronicle;
      if (!sessions.has(sessionId) && !forgotten.has(sessionId) && !cluster.auditors.slots.rows.has(sessionId))
        cluster.violation(`${name} has something of ${sessionId}, which never was`);
    }
    for (const fault of host.uidFaults) cluster.violation(`${name}: ${fault}`);
    const rows = cluster.view.nodes().find((node) => node.id === id);
    const open = agent?.ledger?.openTombstones() ?? [];
    if (open.length > 0) cluster.violation(`${name} still has removals open: ${open.map(({ sessionId }) => sessionId).join(', ')}`);
    if (rows === undefined) cluster.violation(`the row of ${name} is gone`);
  }
}

/** Whether byte streams are open anywhere. */
export function hasStreams(cluster: Cluster): boolean {
  const machines = presentIn(cluster);
  if ((cluster.controller?.core.streams.open ?? 0) > 0 || machines.some(({ agent }) => (agent?.node?.openStreams ?? 0) > 0)) return true;
  return cluster.auditors.uses.hasStreams((machine) => machines.some(({ name }) => name === machine));
}

/** After the operator's work, no orphan is left. */
export function judgeLeft(cluster: Cluster): void {
  const { chronicle, view, controller, violation } = cluster;
  const machines = presentIn(cluster);
  const open = controller?.core.streams.open ?? 0;
  if (open > 0) violation(`the controller has ${open} byte streams that nobody reads`);
  for (const { name, agent } of machines)
    if ((agent?.node?.openStreams ?? 0) > 0) violation(`${name} has ${agent?.node?.openStreams} byte streams that nobody reads`);
  cluster.auditors.uses.judgeLeft((machine) => machines.some(({ name }) => name === machine));
  for (const { host, name } of machines)
    for (const id of new Set([...host.containers.keys(), ...host.volumes.keys()]))
      if (chronicle.forgotten.has(id) && view.get('sessions', id) === undefined) violation(`${name} still has the orphan ${id}`);
}

/**
 * No message starts a non-idempotent agent twice, and no more messages were lost than kills of guests
 * can have cut off.
 */
function judgeRuns({ chronicle, view, violation }: Cluster): void {
  const begun = new Set<string>();
  const lasting = new Map<string, string>();
  for (const { messageId, hop, idempotent, agent } of chronicle.runs) {
    const what = hop ?? messageId;
    const before = lasting.get(messageId);
    if (begun.has(what) && hop !== undefined) violation(`${agent} was started twice for the hop ${hop} of ${messageId}`);
    // All of it begins again.
    if (begun.has(what) && before !== undefined) violation(`${before} had begun, and ${messageId} was started again`);
    begun.add(what);
    if (!idempotent) lasting.set(messageId, agent);
  }
  for (const id of chronicle.sessions.keys()) {
    const lost = messagesOf(view, id as SessionRow['id']).filter(
      ({ inReplyTo, metadata }) =>
        metadata.reason === 'agent_died' &&
        !chronicle.copiedMessages.has(String(inReplyTo)) &&
        !chronicle.runsOf(String(inReplyTo)).some(({ end }) => end === 'died'),
    );
    const most = chronicle.mostCutOff.get(id) ?? 0;
    if (lost.length > most) violation(`${lost.length} messages of ${id} were cut off, and kills can have cut off ${most}`);
  }
}
