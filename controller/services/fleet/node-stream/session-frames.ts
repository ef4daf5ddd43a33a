import type { Report__Output } from '../../../../proto/generated/raworc/node/v0/Report.ts';
import type { SecretsRequest__Output } from '../../../../proto/generated/raworc/v0/SecretsRequest.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import { finishRemoval } from '../../../domain/sessions/commands/finish-removal.ts';
import { recordDiskState } from '../../../domain/sessions/commands/record-disk-state.ts';
import { recordKeptAwake } from '../../../domain/sessions/commands/record-kept-awake.ts';
import { type Report, recordReport } from '../../../domain/sessions/commands/record-report.ts';
import type { SessionRow } from '../../../domain/sessions/rows.ts';
import { recordSlotReport } from '../../../domain/slots/commands/record-slot-report.ts';
import { decodeReport } from '../decode.ts';
import { secretsFor } from '../secrets-for.ts';
import { type Handlers, type Inbound, ownSession, refuseFrame } from './inbound.ts';

/** Handlers of frames about the sessions on a node. */
export const SESSION_FRAMES = {
  report(stream, value) {
    report(stream, value);
  },

  removed(stream, { sessionId, upToGeneration }) {
    const { shared, nodeId, limits, flow } = stream;
    if (shared.view.get('tombstones', sessionId)?.nodeId !== nodeId) return limits.chargeWaste('removed');
    flow.decide(shared.applier.apply(finishRemoval(nodeId, sessionId as SessionId, upToGeneration)), () => undefined);
  },

  disk(stream, { sessionId, generation, full, limitBytes }) {
    const { shared, nodeId, limits, flow, facts } = stream;
    const session = ownSession(stream, sessionId);
    if (session === undefined) return refuseFrame(stream, sessionId, 'disk');
    const key = `disk:${session.id}`;
    if (facts.fullDisks.get(session.id) === full) {
      limits.supersede(key);
      return limits.chargeWaste('disk');
    }
    limits.news('disk', key, () => {
      facts.fullDisks.set(session.id, full);
      const state = { from: nodeId, sessionId: session.id, generation, full, limitBytes };
      flow.decide(shared.applier.apply(recordDiskState(state)), (isTold) => {
        if (isTold && full) limits.log('warn', 'session.disk-full', { session: session.id, limitBytes });
      });
    });
  },

  secretsRequest(stream, request) {
    const { sessionId } = request;
    const { limits } = stream;
    if (ownSession(stream, sessionId) === undefined) {
      refuseFrame(stream, sessionId, 'secretsRequest');
      return void stream.send({ kind: 'secrets', value: { sessionId, version: 0, values: {}, withheld: [] } });
    }
    if (limits.allows('secrets', sessionId)) return sendSecrets(stream, request);
    limits.chargeWaste('secretsRequest');
    limits.news('secretsRequest', `secrets:${sessionId}`, () => sendSecrets(stream, request));
  },

  workers(stream, { sessionId, workers, keptAwake }) {
    const { limits, shared, nodeId } = stream;
    const session = ownSession(stream, sessionId);
    if (session === undefined) return refuseFrame(stream, sessionId, 'workers');
    const key = `workers:${session.id}`;
    const tell = () => {
      stream.events.workers(session, workers);
      if (keptAwake > 0) shared.applier.tell(recordKeptAwake(nodeId, session.id, keptAwake > 1));
    };
    if (!limits.allows('workers', session.id)) return limits.news('workers', key, tell);
    limits.supersede(key);
    tell();
  },

  limitReached(stream, { sessionId: session, limit, value, agent }) {
    const { shared, limits, name } = stream;
    if (ownSession(stream, session) === undefined) return refuseFrame(stream, session, 'limitReached');
    if (!limits.allowsNews(`limit:${limit}:${session}`)) return limits.chargeWaste('limitReached');
    const reason = limit === 'processes' ? 'process limit reached' : 'memory limit reached';
    shared.log.warn('session.limit-reached', { node: name, session, reason, limit: value, agent: agent || undefined });
  },

  streamRefused(stream, value) {
    if (!stream.events.streamRefused(value)) stream.limits.chargeWaste('streamRefused');
  },
} satisfies Partial<Handlers>;

function sendSecrets(stream: Inbound, request: SecretsRequest__Output): void {
  stream.send({ kind: 'secrets', value: secretsFor(stream.shared, stream.nodeId, request) });
}

/** Records a report on one session, alone or from an inventory. */
export function report(stream: Inbound, value: Report__Output): void {
  const { shared, nodeId, limits, flow, incarnation } = stream;
  const report = decodeReport(nodeId, incarnation, stream.bootShift, value);
  if (report === undefined) return stream.reject('the node sent a report without a phase');
  const session = ownSession(stream, report.sessionId);
  if (session === undefined) return slotReport(stream, report);
  const isRepeat = stream.isLive && isRepeated(session, report);
  const decide = () =>
    flow.decide(shared.applier.apply(recordReport(report)), (result) => {
      if (result === 'caught-up') return;
      // A repeat was charged on arrival.
      if (result === 'old') return isRepeat ? undefined : limits.chargeWaste('report');
      if (result !== 'yes') return refuseFrame(stream, report.sessionId, 'report');
      if (report.phase === 'running') stream.outbound.guestUp(report.sessionId);
    });
  const key = `report:${session.id}`;
  // Changes that the assignment requested are bounded by their requesters. Others are spontaneous
  // news.
  if (isUnasked(session, report)) return limits.news('report', key, decide);
  limits.supersede(key);
  if (isRepeat) limits.chargeWaste('report');
  decide();
}

/** Records a report about a slot. */
function slotReport(stream: Inbound, report: Report): void {
  const { shared, nodeId, limits, flow, name } = stream;
  const slot = shared.view.get('slots', report.sessionId);
  if (slot?.nodeId !== nodeId) return refuseFrame(stream, report.sessionId, 'report');
  const key = `report:${slot.id}`;
  const decide = () =>
    flow.decide(shared.applier.apply(recordSlotReport(report)), (result) => {
      if (result === 'old' || result === 'gone') return limits.chargeWaste('report');
      if (result !== 'failed') return;
      limits.log('warn', 'slot.failed', { node: name, slot: slot.id, reason: report.reason || undefined });
      stream.events.slotFailed(slot);
    });
  // Its start was requested; what comes after it is spontaneous news, and a repeat is waste.
  if (slot.phase === report.phase && stream.isLive) limits.chargeWaste('report');
  if (slot.phase === 'running') return limits.news('report', key, decide);
  limits.supersede(key);
  decide();
}

/** Whether a report of the known generation differs from the last: an unrequested change. */
const isUnasked = (session: SessionRow, report: Report): boolean => isOfKnownGeneration(session, report) && !isSame(session, report);

/** Whether a report says nothing new. */
const isRepeated = (session: SessionRow, report: Report): boolean => isOfKnownGeneration(session, report) && isSame(session, report);

const isOfKnownGeneration = (session: SessionRow, { generation }: Report): boolean =>
  generation === session.generation && session.observedGeneration === generation && session.phase !== 'none';

const isSame = ({ phase, containerId, volume, life }: SessionRow, report: Report): boolean =>
  phase === report.phase &&
  (containerId ?? '') === report.containerId &&
  (volume ?? '') === report.volume &&
  (!report.life || life?.number === report.life);
