import type { GuestFrame, HostFrame } from '../../proto/frame.ts';

export const HELLO: GuestFrame = {
  kind: 'hello',
  value: {
    protocolVersion: 1,
    guestVersion: 'bench',
    sessionId: 'bench',
    acceptedSeq: 0,
    unsettled: 0,
    life: 1,
    streams: false,
    cancels: true,
  },
};

/** Every compared program sends a hello, then answers each message. */
export function answerTo(frame: HostFrame): GuestFrame | undefined {
  if (frame.kind !== 'deliver') return undefined;
  const { sessionId, generation, messageId, agent, content } = frame.value;
  return {
    kind: 'answer',
    value: {
      sessionId,
      generation,
      messageId,
      runId: 'run',
      agent,
      outcome: 'REPLY',
      content,
      reason: '',
      durationMs: 0,
      hops: [],
      model: '',
    },
  };
}
