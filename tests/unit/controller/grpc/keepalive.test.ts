import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { z } from 'zod';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import type { Identity } from '../../../../node-agent/identity/identity.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silentLog, startRig } from './wire-rig.ts';

const KEEPALIVE = { everyMs: 200, timeoutMs: 200 };
/** Both of them, and what a busy machine adds. */
const SEEN_WITHIN_MS = 5_000;

function startPeer(t: { teardown(run: () => unknown): unknown }, role: 'node' | 'controller') {
  const peer = spawn(process.execPath, [fileURLToPath(new URL('wire-peer.ts', import.meta.url)), role], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    const gone = once(peer, 'exit');
    peer.kill('SIGKILL');
    await gone;
  });
  return peer;
}

/** Ten frames prove that pings which are answered leave the link alone; then the peer is stopped. */
async function stopAfterTenFrames(
  peer: ReturnType<typeof startPeer>,
  link: { onMessage(listener: () => void): void; onClose(listener: (fault: Error | undefined) => void): void },
): Promise<{ fault: Error | undefined; afterMs: number }> {
  let frames = 0;
  let stoppedAt = Number.NaN;
  return new Promise((resolve, reject) => {
    const giveUp = systemClock.after(20_000, () => reject(new Error(`nothing was seen; ${frames} frames had come`)));
    link.onClose((fault) => {
      giveUp.cancel();
      resolve({ fault, afterMs: systemClock.monotonic() - stoppedAt });
    });
    link.onMessage(() => {
      frames += 1;
      if (frames !== 10) return;
      stoppedAt = systemClock.monotonic();
      peer.kill('SIGSTOP');
    });
  });
}

t.test('a node that is stopped without closing is seen by the controller', async (t) => {
  const rig = await startRig({ keepalive: KEEPALIVE });
  t.teardown(() => rig.close());
  const peer = startPeer(t, 'node');
  peer.stdin.end(JSON.stringify(await rig.node('11111111-1111-4111-8111-111111111111')));
  const { link } = await rig.nextArrival();
  const { fault, afterMs } = await stopAfterTenFrames(peer, link);
  t.type(fault, Error);
  t.ok(afterMs < SEEN_WITHIN_MS, `seen after ${Math.round(afterMs)} ms`);
});

t.test('a controller that is stopped without closing is seen by the node', async (t) => {
  const peer = startPeer(t, 'controller');
  const [line] = await once(createInterface(peer.stdout), 'line');
  const { identity, directory } = z.object({ identity: z.custom<Identity>(), directory: z.string() }).parse(JSON.parse(String(line)));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog, keepalive: KEEPALIVE });
  t.teardown(() => dialer.close());
  const link = await dialer.dial(AbortSignal.timeout(15_000));
  const { fault, afterMs } = await stopAfterTenFrames(peer, link);
  t.type(fault, Error);
  t.ok(afterMs < SEEN_WITHIN_MS, `seen after ${Math.round(afterMs)} ms`);
});
