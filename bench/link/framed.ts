/** The guest's link: length-framed, with its own small codec. */
import { createConnection } from 'node:net';
import { framedLink } from '../../proto/framed-link.ts';
import { guestFrames, hostFrames } from '../../proto/lean-codec.ts';
import { systemClock } from '../../seams/system.ts';
import { answerTo, HELLO } from './child.ts';

const socket = createConnection(process.argv[2] ?? '');
const link = framedLink(socket, { encode: guestFrames, decode: hostFrames, clock: systemClock });
link.onMessage((frame) => {
  const answer = answerTo(frame);
  if (answer) link.send(answer);
});
link.send(HELLO);
