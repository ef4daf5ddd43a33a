import type { Answer__Output } from '../../../../proto/generated/raworc/v0/Answer.ts';
import type { MessageId } from '../../../domain/engine/ids.ts';
import { acceptMessage } from '../../../domain/messages/commands/accept-message.ts';
import { recordAnswer } from '../../../domain/messages/commands/record-answer.ts';
import { startRun } from '../../../domain/messages/commands/start-run.ts';
import { decodeAnswer, decodeRun } from '../decode.ts';
import { decodeHops } from '../decode-hops.ts';
import { type Handlers, type Inbound, ownSession, refuseFrame } from './inbound.ts';

/** Handlers of frames about messages: acceptance, runs, answers and output. */
export const MESSAGE_FRAMES = {
  accepted(stream, { sessionId, messageId, generation, settled }) {
    const { shared, nodeId, limits, flow, outbound } = stream;
    const session = ownSession(stream, sessionId)?.id;
    if (session === undefined) return refuseFrame(stream, sessionId, 'accepted');
    const about = { from: nodeId, generation, sessionId: session, messageId: messageId as MessageId };
    flow.decide(shared.applier.applyLazily(acceptMessage({ ...about, settled })), (isNews) => {
      if (!isNews) limits.chargeWaste('accepted');
      outbound.messageAccepted(session);
    });
  },

  runStarted(stream, value) {
    const { shared, nodeId, limits, flow } = stream;
    const { sessionId, messageId } = value;
    if (ownSession(stream, sessionId) === undefined) return refuseFrame(stream, sessionId, 'runStarted');
    const isQueued = shared.view.get('queue', messageId)?.sessionId === sessionId;
    if (!isQueued || !limits.allows('runs', messageId)) return limits.chargeWaste('runStarted');
    flow.decide(shared.applier.applyLazily(startRun(decodeRun(nodeId, value))), (isNews) => {
      if (!isNews) limits.chargeWaste('runStarted');
    });
  },

  answer(stream, value) {
    const held = stream.shared.barriers.reach('answer.received');
    if (held === undefined) return answer(stream, value);
    held.then(() => answer(stream, value)).catch((error) => stream.failed(error));
  },

  delta(stream, value) {
    const session = ownSession(stream, value.sessionId);
    if (session === undefined) return refuseFrame(stream, value.sessionId, 'delta');
    if (!stream.limits.allowsOutput()) return stream.limits.chargeWaste('delta');
    stream.shared.news.delta({ ...value, spaceId: session.spaceId, sessionId: session.id });
  },
} satisfies Partial<Handlers>;

function answer(stream: Inbound, value: Answer__Output): void {
  const { shared, nodeId, limits, flow } = stream;
  const { hops, dropped } = decodeHops(value.hops);
  if (dropped > 0) shared.metrics.hopsDropped.add(dropped);
  const answer = decodeAnswer(nodeId, value, hops);
  if (answer === undefined) return stream.reject('the node sent an answer without an outcome');
  const { sessionId, messageId } = answer;
  flow.decide(shared.applier.apply(recordAnswer(answer)), (result) => {
    if (result === 'refused') return refuseFrame(stream, sessionId, 'answer');
    if (result !== 'committed') {
      limits.log('info', 'answer.dropped', { session: sessionId, message: messageId, verdict: result });
      limits.chargeWaste('answer');
    }
    stream.send({ kind: 'settled', value: { sessionId, messageId, upToSeq: 0 } });
  });
}
