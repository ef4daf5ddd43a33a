import type { Link } from '../../../proto/link.ts';

/**
 * Wraps a link, so that incoming frames can be observed or changed before their receiver gets them.
 */
export function overheard<Out, In>(link: Link<Out, In>, hear: (frame: In) => In): Link<Out, In> {
  return { ...passedOn(link), onMessage: (listener) => link.onMessage((frame, bytes) => listener(hear(frame), bytes)) };
}

/** Returns a link that only passes on, of which parts can be replaced. */
export const passedOn = <Out, In>(link: Link<Out, In>): Link<Out, In> => ({
  send: (frame) => link.send(frame),
  onMessage: (listener) => link.onMessage(listener),
  onDrain: (listener) => link.onDrain(listener),
  onClose: (listener) => link.onClose(listener),
  close: (fault) => link.close(fault),
  pause: () => link.pause(),
  resume: () => link.resume(),
});
