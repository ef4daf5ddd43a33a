import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { answers, checkListeners, FAILED_CHECKS } from '../../../../controller/service/listener-check.ts';
import { systemClock } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { silentLog, startRig } from './wire-rig.ts';

const EVERY_MS = 15_000;

/** Checks whose results are these, one after the other. */
async function checks(t: Test, results: readonly boolean[]) {
  const clock = new HandClock();
  let at = 0;
  const check = checkListeners({ probe: async () => results[at++] ?? true, everyMs: EVERY_MS, clock, log: silentLog });
  t.teardown(() => check.close());
  await clock.advance((results.length - 1) * EVERY_MS);
  t.equal(at, results.length);
  return check;
}

const failures = (count: number): boolean[] => Array.from({ length: count }, () => false);

t.test('a controller whose listeners stop answering is not well after some checks in a row', async (t) => {
  t.ok((await checks(t, [true, ...failures(FAILED_CHECKS - 1)])).isWell());
  t.notOk((await checks(t, [true, ...failures(FAILED_CHECKS)])).isWell());
  t.ok((await checks(t, [true, ...failures(FAILED_CHECKS - 1), true, ...failures(FAILED_CHECKS - 1)])).isWell(), 'one answer is enough');
});

t.test('a check that never passed ends no controller', async (t) => {
  t.ok((await checks(t, failures(3 * FAILED_CHECKS))).isWell());
});

/** A port that treats connections so. */
async function port(t: Test, treat: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    treat(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

t.test('a listener answers if it completes TLS or refuses, and not if it is silent or closed', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const ask = (port: number, withinMs = 10_000) => answers('0.0.0.0', port, withinMs, systemClock);
  t.ok(await ask(rig.server.nodePort), 'the node port, without a certificate');
  t.ok(await ask(rig.server.joinPort));
  t.ok(await ask(await port(t, (socket) => socket.destroy())), 'one that is too busy');
  t.notOk(await ask(await port(t, () => undefined), 200), 'one that hangs');
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const address = closed.address();
  closed.close();
  await once(closed, 'close');
  t.notOk(await ask(typeof address === 'object' && address !== null ? address.port : 0), 'a closed port');
});
