import type { Condition__Output } from '../../../../proto/generated/raworc/node/v0/Condition.ts';
import type { Orphan__Output } from '../../../../proto/generated/raworc/node/v0/Orphan.ts';
import { visibleText } from '../../../../seams/terminal-text.ts';
import { endSlots } from '../../../domain/slots/commands/end-slots.ts';
import { decodeBuild } from '../decode.ts';
import { type Handlers, type Inbound, ownSession } from './inbound.ts';

/** Orphans per frame that the log names. */
const MAX_ORPHANS_LOGGED = 20;

/** Handlers of frames about the node: lease, images, orphans, conditions, builds, assignments. */
export const NODE_FRAMES = {
  hello: (stream) => stream.reject('the node sent a second hello'),
  inventory: (stream) => stream.reject('the node sent a second inventory'),

  heartbeat(stream, { number }) {
    heartbeat(stream, number);
  },

  orphans(stream, { orphans }) {
    stream.limits.news('orphans', 'orphans', () => setOrphans(stream, orphans));
  },

  images(stream, { images }) {
    stream.limits.news('images', 'images', () => {
      const lost = stream.facts.setImages(new Set(images));
      if (lost === undefined) stream.reject('the image names of the node are too long in total');
      else stream.events.imagesChanged(lost);
    });
  },

  imageMissing(stream, { sessionId, image }) {
    const session = ownSession(stream, sessionId);
    const slot = session === undefined ? stream.shared.view.get('slots', sessionId) : undefined;
    if (slot?.nodeId === stream.nodeId && slot.image === image) {
      // Nobody waits for it. It is placed anew, where the image is.
      stream.facts.removeImage(image);
      return stream.shared.applier.tell(endSlots([slot.id]));
    }
    if (session?.image !== image) return stream.limits.chargeWaste('imageMissing');
    stream.limits.news('imageMissing', `image:${session.id}`, () => {
      stream.facts.removeImage(session.image);
      stream.events.imageMissing(session);
    });
  },

  imageMoved(stream, moved) {
    stream.limits.chargeWaste('imageMoved'); // an honest node sends few of them, so each counts
    stream.events.imageMoved({ ...moved, error: visibleText(moved.error) });
  },

  build(stream, value) {
    stream.limits.chargeWaste('build'); // an honest node sends few of them, so each counts
    const report = decodeBuild(value);
    if (report === undefined) stream.reject('the node sent a build report without a phase');
    else if (report.ended) stream.events.build(report);
    else stream.limits.news('build', `build:${report.buildId}`, () => stream.events.build(report));
  },

  conditions(stream, value) {
    conditions(stream, value.conditions);
  },

  setPartTaken(stream, { setId, part }) {
    if (!stream.outbound.taken(setId, part)) stream.reject('the node acknowledged a part of its assignments that was not sent');
  },

  setJudged(stream, { agrees, setId }) {
    if (agrees || !stream.outbound.isWhole(setId)) return stream.limits.chargeWaste('setJudged');
    stream.limits.news('setJudged', 'set', () => stream.outbound.differs('held'));
  },

  shutdownDone: (stream) => stream.events.shutDown(),
} satisfies Partial<Handlers>;

export function heartbeat(stream: Inbound, number: number): void {
  if (!stream.limits.allows('heartbeats')) return stream.limits.chargeWaste('heartbeat');
  stream.lease.renew();
  stream.events.heartbeat();
  const { lease, applier, caDigest } = stream.shared;
  stream.send({ kind: 'heartbeatAck', value: { number, leaseMs: lease.leaseMs, nowMs: applier.time.now(), caDigest: caDigest?.() ?? '' } });
}

export function conditions(stream: Inbound, conditions: readonly Condition__Output[]): void {
  stream.limits.news('conditions', 'conditions', () => {
    for (const { type, message, unschedulable } of stream.facts.setConditions(conditions, stream.shared.applier.time.now()))
      stream.limits.log(unschedulable ? 'warn' : 'info', 'node.condition', { type, message });
    stream.events.conditionsChanged();
  });
}

export function setOrphans(stream: Inbound, orphans: readonly Orphan__Output[]): void {
  const fresh = stream.facts.setOrphans(orphans);
  if (fresh === undefined) return stream.reject('the orphan names of the node are too long in total');
  for (const { sessionId } of fresh.slice(0, MAX_ORPHANS_LOGGED)) stream.limits.log('warn', 'node.orphan', { session: sessionId });
  if (fresh.length > MAX_ORPHANS_LOGGED) stream.limits.log('warn', 'node.orphans', { more: fresh.length - MAX_ORPHANS_LOGGED });
}
