import type { Link } from '../../../proto/link.ts';

/**
 * Wraps a link, so that incoming frames can be observed or changed before their receiver gets them.
 */
export function overheard<Out, In>(link: Link<Out, In>, hear: (frame: In) => In): Link<Out, In> {
  return {
    send: (frame) => link.send(frame),
    onMessage: (listener) => link.onMessage((frame) => listener(hear(frame))),
    onDrain: (listener) => link.onDrain(listener),
    onClose: (listener) => link.onClose(listener),
    close: (fault) => link.close(fault),
    pause: () => link.pause(),
    resume: () => link.resume(),
  };
}
