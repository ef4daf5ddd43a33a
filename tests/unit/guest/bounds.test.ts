/** What the guest reads of the kernel, from files as cgroup v1, v2 and /proc have them; and workers that end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { Bounds } from '../../../guest/workers/bounds/bounds.ts';
import { census } from '../../../guest/workers/bounds/census.ts';
import { Cgroup } from '../../../guest/workers/bounds/cgroup.ts';
import { Groups } from '../../../guest/workers/bounds/groups.ts';
import { HandClock } from '../hand-clock.ts';
import { failed, run, stage } from './stage.ts';

function files(t: Test, contents: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'raworc-kernel-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

t.test('limits and counts are read from either version of cgroups', async (t) => {
  const v1 = new Cgroup(
    files(t, {
      'memory/memory.limit_in_bytes': '536870912\n',
      'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
      'pids/pids.max': '320\n',
      'pids/pids.current': '17\n',
      'pids/pids.events': 'max 5\n',
    }),
  );
  const v2 = new Cgroup(
    files(t, {
      'cgroup.controllers': 'cpu memory pids\n',
      'memory.max': '536870912\n',
      'memory.events': 'low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n',
      'pids.max': '320\n',
      'pids.current': '17\n',
      'pids.events': 'max 5\n',
    }),
  );
  for (const { memoryLimit, memoryKills, processLimit, processes, processesRefused } of [v1, v2])
    t.same(
      { memoryLimit, memoryKills, processLimit, processes, processesRefused },
      { memoryLimit: 536870912, memoryKills: 3, processLimit: 320, processes: 17, processesRefused: 5 },
    );
  const open = new Cgroup(files(t, { 'cgroup.controllers': '', 'memory.max': 'max\n', 'pids.max': 'max\n' }));
  const { memoryLimit, memoryKills, processLimit, processes, processesRefused } = open;
  t.same([memoryLimit, memoryKills, processLimit, processes, processesRefused], [undefined, undefined, undefined, undefined, undefined]);
});

t.test('processes belong together by their group, whatever else they change; one whose first thread ended is alive', async (t) => {
  const status = (pid: number, name: string, state: string, group: number, threads: number, anonKib = 0) => ({
    [`${pid}/status`]: `Name:\t${name}\nState:\t${state} (so)\nTgid:\t${pid}\nUid:\t7\t7\t7\t7\nGid:\t${group}\t${group}\t${group}\t${group}\nVmRSS:\t    9999 kB\nRssAnon:\t    ${anonKib} kB\nThreads:\t${threads}\n`,
  });
  const proc = files(t, {
    ...status(1, 'docker-init', 'S', 0, 1),
    ...status(7, 'node', 'S', 0, 11),
    ...status(20, 'python3', 'S', 901, 243, 4096),
    ...status(21, 'a\\nGid:\t902', 'R', 901, 1, 1024),
    ...status(22, 'threads go on', 'Z', 901, 3),
    ...status(23, 'not waited for', 'Z', 901, 1),
    ...status(30, 'other', 'S', 902, 2),
    '40/environ': 'gone meanwhile',
    version: 'Linux',
  });
  t.same(
    census(proc, 7).sort((a, b) => b.count - a.count),
    [
      { group: 901, pids: [20, 21, 22], count: 248, memoryBytes: 5 * 1024 * 1024 },
      { group: 902, pids: [30], count: 2, memoryBytes: 0 },
    ],
  );
});

t.test('processes are counted during runs, however short, and rarely otherwise', async (t) => {
  let looks = 0;
  class Counting extends Cgroup {
    override get processes(): number {
      looks += 1;
      return 1;
    }
  }
  const clock = new HandClock();
  const cgroup = new Counting(files(t, { 'cgroup.controllers': '' }));
  const groups = new Groups({ uid: 1, gid: 1 });
  const bounds = new Bounds({ cgroup, groups, clock, processes: 40, workers: () => [], reached: () => t.fail('nothing is reached') });
  const during = async (work: () => Promise<void>) => {
    const before = looks;
    await work();
    return looks - before;
  };
  const runs = await during(async () => {
    for (let run = 0; run < 200; run += 1) {
      bounds.working(true);
      await clock.advance(20);
      bounds.working(false);
      await clock.advance(30);
    }
  });
  t.ok(runs >= 50 && runs <= 101, `${runs} looks in ten seconds of short runs`);
  const idle = await during(() => clock.advance(60_000));
  t.ok(idle >= 5 && idle <= 7, `${idle} looks in an idle minute`);
  bounds.working(true);
  const long = await during(() => clock.advance(10_000));
  t.ok(long >= 9 && long <= 11, `${long} looks in a run of ten seconds`);
  bounds.close();
  t.equal(await during(() => clock.advance(60_000)), 0);
});

t.test('an agent whose processes use more memory than its own limit is killed with the reason, and no other', async (t) => {
  const MIB = 1024 * 1024;
  const use = new Map([
    [901, 90 * MIB],
    [902, 300 * MIB],
  ]);
  const killed: number[] = [];
  const told: unknown[] = [];
  class Noting extends Groups {
    override end(group: number): void {
      killed.push(group);
      use.delete(group);
    }
  }
  const agent = (group: number, memoryBytes: number) => ({
    ...{ pid: group, group, agent: `agent-${group}`, memoryBytes },
    exceeded: (...why: unknown[]) => told.push([group, ...why]),
  });
  const workers = [agent(901, 100 * MIB), agent(902, 0)];
  const clock = new HandClock();
  const bounds = new Bounds({
    ...{ cgroup: new Cgroup(files(t, { 'cgroup.controllers': '' })), groups: new Noting({ uid: 1, gid: 1 }), clock, processes: 40 },
    workers: () => workers,
    reached: () => t.fail('the session is at no limit'),
    census: () => [...use].map(([group, memoryBytes]) => ({ group, pids: [group], count: 1, memoryBytes })),
  });
  bounds.working(true);
  await clock.advance(2000);
  t.same(killed, []);
  use.set(901, 101 * MIB);
  await clock.advance(250);
  t.same(killed, [901]);
  t.match(told, [[901, 'memory_limit', /used 101 MiB; the limit is 100 MiB/]]);
  await clock.advance(5000);
  t.same(killed, [901]);
  bounds.close();
});

t.test('one look at the processes finds ids for many programs, and none that a process still has', async (t) => {
  let looks = 0;
  const living = new Set<number>();
  const look = () => {
    looks += 1;
    return [...living].map((group) => ({ group, pids: [], count: 1, memoryBytes: 0 }));
  };
  const groups = new Groups({ uid: 1, gid: 1 }, undefined, look);
  const first = groups.take() ?? 0;
  const held = groups.take() ?? 0;
  t.equal(held, first + 1);
  // Its processes go on after it was left.
  living.add(first);
  groups.leave(first);
  const seen = new Set<number>();
  for (let taken = 0; taken < 10_000; taken += 1) {
    const group = groups.take() ?? 0;
    if (group === first || group === held) t.fail(`${group} is in use`);
    seen.add(group);
    groups.leave(group);
  }
  t.equal(seen.size, 4094, 'all others, in turn');
  t.ok(looks < 200, `${looks} looks`);
  living.delete(first);
  const again = Array.from({ length: 4095 }, () => groups.take());
  t.notOk(again.includes(held));
  t.equal(new Set(again).size, 4095);
  t.equal(groups.take(), undefined, 'all are in use');
});

t.test('the guest continues if it cannot start the process that kills all others', async (t) => {
  const tried: string[] = [];
  const groups = new Groups({ uid: 1, gid: 1 }, (command) => {
    tried.push(command);
    return { error: Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' }) };
  });
  t.doesNotThrow(() => groups.endAll());
  t.same(tried, ['/bin/sh', process.execPath], 'an image can lack a shell');
});

const LEAVING = `
import atexit, resource, sys, threading, time
def process_message(message, context):
    threading.Thread(target=time.sleep, args=(1000,)).start()
    if message == "exit": sys.exit(3)
    if message == "words": sys.exit("no more")
    if message == "stuck": atexit.register(time.sleep, 1000); sys.exit(0)
    resource.setrlimit(resource.RLIMIT_AS, (600 * 1024 * 1024, resource.RLIM_INFINITY))
    held = []
    size = 8 * 1024 * 1024
    while True:
        try: held.append(bytearray(size))
        except MemoryError:
            if size < 64: raise
            size //= 2
`;

t.test('threads do not delay the exit of a Python agent, and one without memory says so', async (t) => {
  const { start } = stage(t);
  const begin = () => start({ name: 'leaves' }, { 'main.py': LEAVING });
  t.match((await run(begin(), 'exit')).end, failed('agent_died', /exit code 3/));
  t.match((await run(begin(), 'words')).end, failed('agent_died', /exit code 1: no more/));
  t.match((await run(begin(), 'stuck')).end, failed('agent_died', /SIGKILL/));
  const worker = begin();
  t.match((await run(worker, 'memory')).end, failed('agent_failed', /^MemoryError \(main\.py, line \d+\)$/));
  t.equal(worker.alive, true);
});
