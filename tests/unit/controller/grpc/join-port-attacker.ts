/**
 * Strangers in a process of their own, so that what they hold is not counted as the controller's: PORT CONNECTIONS ANNOUNCED SENT. Opens two calls over
 * each connection that announce and send so many bytes, writes how many are still open once none has ended for a while, and stays.
 */
import { once } from 'node:events';
import { pause } from '../../../../seams/clock.ts';
import { systemClock } from '../../../../seams/system.ts';
import { http2, unfinishedCall } from '../../../flood/node-port-attacks.ts';

const [port = 0, connections = 0, announced = 0, sent = 0] = process.argv.slice(2).map(Number);
let open = 0;
let changedAt = systemClock.monotonic();
for (let i = 0; i < connections; i += 1) {
  const session = http2({ port, from: `127.0.1.${1 + (i % 100)}` });
  await once(session, 'remoteSettings');
  for (let j = 0; j < 2; j += 1) {
    open += 1;
    unfinishedCall(session, announced, sent).then(() => {
      open -= 1;
      changedAt = systemClock.monotonic();
    });
  }
}
changedAt = systemClock.monotonic();
while (systemClock.monotonic() - changedAt < 300) await pause(systemClock, 50);
process.stdout.write(`${open}\n`);
