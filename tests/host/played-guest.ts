import { connect } from 'node:net';
import { guestFrames, hostFrames } from '../../proto/codec.ts';
import { framedLink } from '../../proto/framed-link.ts';
import { systemClock } from '../../seams/system.ts';

/** Connects like a session's guest, from outside. Resolves once it was welcomed. */
export function playGuest(path: string, sessionId: string): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const link = framedLink(socket, { encode: guestFrames, decode: hostFrames, clock: systemClock });
    link.onMessage((frame) => {
      if (frame.kind === 'drain' || (frame.kind === 'welcome' && frame.value.drain !== null))
        link.send({ kind: 'drained', value: { acceptedSeq: 0 } });
      if (frame.kind === 'welcome') resolve(link);
    });
    link.onClose((fault) => reject(fault ?? new Error('closed before the welcome')));
    link.send({
      kind: 'hello',
      value: { protocolVersion: 1, guestVersion: 'played', sessionId, acceptedSeq: 0, unsettled: 0, life: 1, streams: true, cancels: true },
    });
  });
}
