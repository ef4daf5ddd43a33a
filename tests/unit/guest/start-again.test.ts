/** An agent whose process cannot start, because the session's processes are at their limit, is started again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RunEnd } from '../../../guest/runs/worker-host.ts';
import { Bounds } from '../../../guest/workers/bounds/bounds.ts';
import { Cgroup } from '../../../guest/workers/bounds/cgroup.ts';
import { Groups } from '../../../guest/workers/bounds/groups.ts';
import { KeptWorker } from '../../../guest/workers/kept-worker.ts';
import { systemClock } from '../../../seams/system.ts';
import { run } from './stage.ts';
import { World } from './world.ts';

const LACKED: RunEnd = { outcome: 'error', reason: 'agent_not_started', content: 'at its limit', canStartAgain: true };

/** A guest whose agent fails to start that many times. `roomMs`: how long it takes to make room. */
async function guest(t: Test, failures: number, roomMs = 10) {
  const world = new World(1);
  world.roomMs = roomMs;
  let left = failures;
  world.behaviour = ({ message }) => {
    left -= 1;
    return left < 0 ? { outcome: 'reply', content: message } : LACKED;
  };
  t.teardown(() => world.guest?.stop());
  await world.start();
  await world.clock.advance(50);
  world.post('once', 'hello');
  return world;
}

const answers = (world: World) => [...world.answers.values()].flat().map(({ content, reason }) => reason || content);

t.test('an agent that could not start is started again once there is room, and its message runs once', async (t) => {
  const world = await guest(t, 2);
  await world.clock.advance(100);
  t.same(answers(world), ['hello']);
  t.equal(world.started, 3);
  t.equal(world.roomAsked, 3, 'room was made before each start');
  t.equal(new Set(world.ran.map(({ runId }) => runId)).size, 1, 'one run');
  t.equal(world.heard.filter(({ kind }) => kind === 'runStarted').length, 1, 'reported once');
  t.same(world.live, ['once']);
});

t.test('after three starts the message is answered with an error', async (t) => {
  const world = await guest(t, 100);
  await world.clock.advance(1000);
  t.same(answers(world), ['agent_not_started']);
  t.equal(world.started, 3);
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: message });
  world.post('once', 'later');
  await world.clock.advance(100);
  t.same(answers(world), ['agent_not_started', 'later'], 'the next message starts it anew');
});

t.test('an agent that died otherwise is not started again for the same message', async (t) => {
  const world = await guest(t, 0);
  world.behaviour = () => ({ outcome: 'error', reason: 'agent_died', content: 'it ended' });
  await world.clock.advance(1000);
  t.same(answers(world), ['agent_died']);
  t.equal(world.ran.length, 1);
});

for (const [what, act, reason] of [
  ['the session drains', (world: World) => world.drainWithin(0), 'interrupted'],
  ['the agent is stopped', (world: World) => world.stopAgent('once', false), 'agent_stopped'],
  ['the agent is stopped at once', (world: World) => world.stopAgent('once', true), 'agent_stopped'],
  ['the time of the run is up', (world: World) => world.clock.advance(300_000), 'agent_timeout'],
] as const) {
  t.test(`nor when ${what} before there is room`, async (t) => {
    const world = await guest(t, 0);
    world.behaviour = () => {
      world.roomMs = reason === 'agent_timeout' ? 400_000 : 100_000;
      return LACKED;
    };
    await world.clock.advance(1000);
    t.same([answers(world), world.ran.length], [[], 1], 'it waits for room');
    await act(world);
    await world.clock.advance(400_000);
    t.same(answers(world), [reason]);
    t.equal(world.ran.length, 1);
    t.equal(world.started, 1);
  });
}

/** A Python or Node.js agent whose program is this shell script, in a container with these files of the kernel. */
function kept(t: Test, script: string) {
  const root = mkdtempSync(join(tmpdir(), 'raworc-kernel-'));
  // What the process printed is still being written when its end is known.
  t.teardown(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  writeFileSync(join(root, 'cgroup.controllers'), '');
  writeFileSync(join(root, 'pids.events'), 'max 7\n');
  const groups = new Groups({ uid: 1, gid: 1 });
  const bounds = new Bounds({
    ...{ cgroup: new Cgroup(root), groups, clock: systemClock, processes: 40 },
    ...{ workers: () => [], reached: () => undefined },
  });
  const options = {
    ...{ command: '/bin/sh', args: ['-c', script], directory: root, environment: { EVENTS: join(root, 'pids.events') } },
    ...{ user: undefined, clock: systemClock, bounds },
  };
  return new KeptWorker({ name: 'shell', memoryBytes: 0 }, options, (_run, stream) => ({
    path: join(root, stream),
    added: () => undefined,
  }));
}

const REFUSED = 'echo max 8 >$EVENTS';
/** The guest kills it then. */
const FAILED = `echo '{"type":"failed","message":"no"}' >&3; exec sleep 60`;
const LIMIT = /at its limit of 40 processes and threads \(limits\.processes\)/;
const RESULTS = [
  [
    'it aborts after a thread was refused',
    `${REFUSED}; echo no thread >&2; kill -ABRT $$`,
    'agent_not_started',
    /limit of 40 .*SIGABRT: no/,
  ],
  ['it cannot load after a thread was refused', `${REFUSED}; ${FAILED}`, 'agent_not_started', LIMIT],
  ['it hangs after a thread was refused', `${REFUSED}; exec sleep 60`, 'agent_not_started', LIMIT],
  ['it aborts and nothing was refused', 'kill -ABRT $$', 'agent_died', /SIGABRT/],
  ['it cannot load and nothing was refused', FAILED, 'agent_not_started', /^no$/],
  ['it aborts once it is ready', `echo '{"type":"ready"}' >&3; read run <&3; ${REFUSED}; kill -ABRT $$`, 'agent_died', /SIGABRT/],
] as const;
for (const [what, script, reason, content] of RESULTS) {
  t.test(`a process that ends early: ${what}`, async (t) => {
    const { end } = await run(kept(t, script), 'hello');
    t.match(end, { outcome: 'error', reason, content });
    t.equal('canStartAgain' in end, script.includes(REFUSED) && !script.includes('ready'));
  });
}
