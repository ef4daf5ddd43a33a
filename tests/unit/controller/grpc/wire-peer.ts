/**
 * The other end of a link in a process of its own, which a test stops. `node` dials the identity given as JSON on standard input;
 * `controller` serves, and prints the identity of a node for it. Both send a frame every 50 ms, and live until they are killed.
 */
import { text } from 'node:stream/consumers';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import type { Identity } from '../../../../node-agent/identity/identity.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silentLog, startRig } from './wire-rig.ts';

function every50Ms(run: () => void): void {
  systemClock.after(50, () => {
    run();
    every50Ms(run);
  });
}

if (process.argv[2] === 'node') {
  const identity: Identity = JSON.parse(await text(process.stdin));
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
  const link = await dialer.dial(AbortSignal.timeout(15_000));
  link.onMessage(() => {});
  every50Ms(() => link.send({ kind: 'heartbeat', value: { number: 1 } }));
} else {
  const rig = await startRig();
  const identity = await rig.node('11111111-1111-4111-8111-111111111111');
  process.stdout.write(`${JSON.stringify({ identity, directory: rig.directory })}\n`);
  const { link } = await rig.nextArrival();
  link.onMessage(() => {});
  every50Ms(() => link.send({ kind: 'heartbeatAck', value: { number: 1, leaseMs: 1, nowMs: 1, caDigest: '' } }));
}
