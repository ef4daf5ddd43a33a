import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { Bus } from '../../controller/bus/bus.ts';
import { parseNatsUrl } from '../../controller/bus/nats-access.ts';
import { openBus } from '../../controller/bus/open-bus.ts';
import { systemClock } from '../../seams/system.ts';
import { keptLog } from '../unit/controller/events/kept-log.ts';
import { busSuite } from '../unit/controller/events/suite.ts';
import { freePort, kill, startServer, whenState } from './nats-server.ts';

function open(t: Test, url: string, maxPendingBytes?: number): Bus {
  const bus = openBus(parseNatsUrl(url), {
    clock: systemClock,
    log: keptLog(),
    ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
  });
  t.teardown(() => bus.close());
  return bus;
}

t.test('over a nats-server', async (t) => {
  const port = await freePort();
  const server = await startServer(port);
  t.teardown(() => kill(server));
  await busSuite(t, async (t, maxPendingBytes) => {
    const pair = [open(t, `nats://127.0.0.1:${port}`, maxPendingBytes), open(t, `nats://127.0.0.1:${port}`, maxPendingBytes)] as const;
    for (const bus of pair) await whenState(bus, true);
    return pair;
  });
});

t.test('subscriptions survive a restart of the server, and sends are refused while it is away', async (t) => {
  const port = await freePort();
  const warnings: string[] = [];
  const log = { ...keptLog(), warn: (event: string) => warnings.push(event) };
  const bus = openBus(parseNatsUrl(`nats://127.0.0.1:${port}`), { clock: systemClock, log });
  t.teardown(() => bus.close());
  const other = open(t, `nats://127.0.0.1:${port}`);
  const states: boolean[] = [];
  bus.onState((connected) => states.push(connected));
  const seen: string[] = [];
  other.subscribe('a.>', (subject) => seen.push(subject));
  t.notOk(bus.publish('a.early', new Uint8Array(1)), 'refused while there is no server');
  t.notOk(await bus.flush());

  let server = await startServer(port);
  t.teardown(() => kill(server));
  await whenState(bus, true);
  await whenState(other, true);
  t.ok(await other.flush(), 'the server knows what it listens to');
  t.ok(bus.publish('a.first', new Uint8Array(1)));
  t.ok((await bus.flush()) && (await other.flush()));

  const down = whenState(bus, false);
  await kill(server);
  await down;
  t.notOk(bus.publish('a.lost', new Uint8Array(1)));
  t.notOk(await bus.flush());

  server = await startServer(port);
  await whenState(bus, true);
  await whenState(other, true);
  t.ok(await other.flush());
  t.ok(bus.publish('a.second', new Uint8Array(1)));
  t.ok((await bus.flush()) && (await other.flush()));
  t.same(seen, ['a.first', 'a.second']);
  t.same(states, [true, false, true]);
  t.same(warnings, ['bus.unreachable', 'bus.disconnected'], 'each once, not at each attempt');
  t.equal(bus.refused, 2);
});

/** A process's threads stop one by one, so one can still answer for a moment. */
async function hasStopped(pid: number | undefined): Promise<void> {
  const running = () =>
    readdirSync(`/proc/${pid}/task`).some((task) => !/^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')));
  while (running()) await new Promise<void>((resolve) => systemClock.after(1, resolve));
}

t.test('a flush that the server does not answer ends with the server', async (t) => {
  const port = await freePort();
  const server = await startServer(port);
  t.teardown(() => kill(server));
  const bus = open(t, `nats://127.0.0.1:${port}`);
  await whenState(bus, true);
  server.kill('SIGSTOP');
  await hasStopped(server.pid);
  t.ok(bus.publish('a', new Uint8Array(1)));
  const flushing = bus.flush();
  await kill(server);
  t.notOk(await flushing);
});
