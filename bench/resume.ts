/**
 * Times a message to a resting session until its reply, over REST with `?wait`. Compares a paused
 * session with `docker unpause` of a similar container, by Docker's API and by its command line;
 * and a suspended session with create and start of such a container by the API. All take turns in
 * one run, since absolute times drift. Then prints where the time goes.
 * `npm run bench -- resume [turns]`.
 */
import { join } from 'node:path';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { Follower } from '../tests/cluster/follow.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect } from '../tests/cluster/rest.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, timed } from './figures/figures.ts';
import { BareContainer } from './resume/bare-container.ts';
import { type Moment, momentsOf, wallMs } from './resume/moments.ts';

/** Milliseconds that waking a paused session may take above unpause through the engine's API and a message. */
const GOALS = { pausedMs: 5 };
const CLOCKS = {
  'main.py': `
import json, time

loaded = time.time() * 1000

def process_message(message, context):
    return json.dumps({"loaded": loaded, "called": time.time() * 1000})
`,
};

const turns = Number(process.argv[2] ?? 40);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

await benchmark(async ({ signal, scope, table, times, goal }) => {
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  const { rest } = cluster;
  await deploy(rest, 'clocks', await writeAgent(join(cluster.directory, 'clocks'), CLOCKS));
  const { id } = await rest.createSession();
  const life = await Follower.of(rest, id);
  scope.teardown(async () => life.close());
  const bare = await BareContainer.like(id, cluster.id);

  const all: Record<'paused' | 'unpauseApi' | 'unpauseCommand' | 'suspended' | 'createStart' | 'warm', number[]> = {
    ...{ paused: [], unpauseApi: [], unpauseCommand: [], suspended: [], createStart: [], warm: [] },
  };
  const phases = { paused: new Map<string, number[]>(), suspended: new Map<string, number[]>() };

  const fromRest = async (how: 'pause' | 'suspend', state: 'paused' | 'suspended', count: boolean) => {
    expect(await rest.call('POST', `/sessions/${id}/${how}`), 200, how);
    await life.settled(state);
    const sentMs = wallMs();
    const exchange = await rest.say(id, 'hello');
    const receivedMs = wallMs();
    if (!count) return;
    all[state].push(receivedMs - sentMs);
    note(phases[state], sentMs, await momentsOf(id, sentMs, receivedMs, exchange));
  };
  const unpause = async (work: () => Promise<void>) => {
    await bare.pause();
    return timed(work);
  };

  for (let turn = -2; turn < turns; turn += 1) {
    signal.throwIfAborted();
    const count = turn >= 0;
    await fromRest('suspend', 'suspended', count);
    const createStart = await timed(() => bare.up());
    await fromRest('pause', 'paused', count);
    const api = await unpause(() => bare.unpauseByApi());
    const command = await unpause(() => bare.unpauseByCommand());
    const warm = await timed(() => rest.say(id, 'hello'));
    await bare.remove();
    if (!count) continue;
    all.createStart.push(createStart);
    all.unpauseApi.push(api);
    all.unpauseCommand.push(command);
    all.warm.push(warm);
  }

  table(`Sessions at rest, ${turns} turns`);
  times('paused session: message → reply', all.paused);
  times('docker unpause (Docker API)', all.unpauseApi);
  times('docker unpause (docker CLI)', all.unpauseCommand);
  times('suspended session: message → reply', all.suspended);
  times('docker create + start (Docker API)', all.createStart);
  times('running session: message → reply', all.warm);
  for (const [state, found] of Object.entries(phases)) {
    table(`Where the time of the ${state} session goes`);
    for (const [phase, samples] of found) times(phase, samples);
  }
  goal('a paused session, above unpause and a message, median, ms', median(all.paused) - median(all.unpauseApi) - median(all.warm), {
    most: GOALS.pausedMs,
  });
});

/** Each phase ends at its moment. A phase that ended before its predecessor counts as 0. */
function note(phases: Map<string, number[]>, sentMs: number, moments: readonly Moment[]): void {
  let lastMs = sentMs;
  for (const { phase, atMs } of moments) {
    const samples = phases.get(phase) ?? [];
    samples.push(Math.max(0, atMs - lastMs));
    phases.set(phase, samples);
    lastMs = Math.max(lastMs, atMs);
  }
}
