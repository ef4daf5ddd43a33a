import type { Socket } from 'node:net';
import type { Clock } from '../../seams/clock.ts';

/** A connection that sent too little to tell what it is for. */
const SILENT_MS = 60_000;
/** Bytes of the first frame's length and tag. */
const HEAD_BYTES = 5;

/**
 * Peeks at the first bytes without consuming them. A guest that was frozen before it sent anything
 * reconnects when it is resumed.
 */
export function whenTagged(socket: Socket, clock: Clock, take: (tag: number | undefined) => void): void {
  const timer = clock.after(SILENT_MS, () => socket.destroy());
  const ignore = () => undefined;
  const look = () => {
    const head: Buffer | null = socket.read(HEAD_BYTES);
    if (head === null) return;
    timer.cancel();
    socket.off('readable', look);
    socket.off('error', ignore);
    socket.unshift(head);
    take(head[HEAD_BYTES - 1]);
  };
  socket.on('readable', look);
  socket.on('error', ignore);
  socket.once('close', () => timer.cancel());
}
