import type { StreamKinds } from '../../../guest/streams/stream-kinds.ts';

/** The source of simulated guests' byte streams: bytes that encode their own position. */
export const NUMBERED: StreamKinds = {
  numbered(stream, parameters) {
    const { bytes = 0 } = Object(parameters) as { bytes?: number };
    stream.resume();
    let sent = 0;
    const more = () => {
      while (sent < bytes && !stream.destroyed) {
        const length = Math.min(bytes - sent, 700);
        const from = sent;
        sent += length;
        if (!stream.write(Buffer.from(Array.from({ length }, (_, at) => (from + at) % 251)))) return void stream.once('drain', more);
      }
      stream.end();
    };
    more();
  },
};
