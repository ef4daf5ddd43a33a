/**
 * Times a message to a resting session until its reply, over REST with `?wait`. Compares a paused
 * session with `docker unpause` of a similar container, by Docker's API and by its command line;
 * and a suspended session with create and start of such a container by the API. All take turns in
 * one run, since absolute times drift. Then prints where the time goes.
 * `npm run bench -- resume [turns]`.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { Follower } from '../tests/cluster/follow.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect } from '../tests/cluster/rest.ts';
import { figures, median, row, timed } from './figures/figures.ts';
import { BareContainer } from './resume/bare-container.ts';
import { type Moment, momentsOf, wallMs } from './resume/moments.ts';

const WIDTH = 44;
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

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.unshift(end), passing: () => true, comment: () => undefined };
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  const { rest } = cluster;
  await deploy(rest, 'clocks', await writeAgent(join(cluster.directory, 'clocks'), CLOCKS));
  const { id } = await rest.createSession();
  const life = await Follower.of(rest, id);
  scope.teardown(async () => life.close());
  const bare = await BareContainer.like(id, cluster.id);

  const times: Record<'paused' | 'unpauseApi' | 'unpauseCommand' | 'suspended' | 'createStart' | 'warm', number[]> = {
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
    times[state].push(receivedMs - sentMs);
    note(phases[state], sentMs, await momentsOf(id, sentMs, receivedMs, exchange));
  };
  const unpause = async (work: () => Promise<void>) => {
    await bare.pause();
    return timed(work);
  };

  const begun = loadavg();
  for (let turn = -2; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    const count = turn >= 0;
    await fromRest('suspend', 'suspended', count);
    const createStart = await timed(() => bare.up());
    await fromRest('pause', 'paused', count);
    const api = await unpause(() => bare.unpauseByApi());
    const command = await unpause(() => bare.unpauseByCommand());
    const warm = await timed(() => rest.say(id, 'hello'));
    await bare.remove();
    if (!count) continue;
    times.createStart.push(createStart);
    times.unpauseApi.push(api);
    times.unpauseCommand.push(command);
    times.warm.push(warm);
  }

  console.log(`${turns} turns, milliseconds; load average ${load(begun)} before, ${load(loadavg())} after`);
  console.log(row('', ['median', 'p95', 'p99'], WIDTH));
  const lines = {
    'paused session: message → reply': times.paused,
    'docker unpause (Docker API)': times.unpauseApi,
    'docker unpause (docker CLI)': times.unpauseCommand,
    'suspended session: message → reply': times.suspended,
    'docker create + start (Docker API)': times.createStart,
    'running session: message → reply': times.warm,
  };
  for (const [name, samples] of Object.entries(lines)) console.log(row(name, figures(samples), WIDTH));
  const ratio = (one: readonly number[], other: readonly number[]) => (median(one) / median(other)).toFixed(2);
  console.log(
    `At the median, waking a paused session until its reply takes ${ratio(times.paused, times.unpauseApi)} of docker unpause by the API and ${ratio(times.paused, times.unpauseCommand)} of it by the CLI;\n` +
      `waking a suspended one takes ${ratio(times.suspended, times.createStart)} of docker create + start by the API.`,
  );
  for (const [state, found] of Object.entries(phases)) {
    console.log(`\nWhere the time of the ${state} session goes`);
    for (const [phase, samples] of found) console.log(row(`  ${phase}`, figures(samples, 1), WIDTH));
  }
} finally {
  for (const end of endings) await end();
}

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

function load([one = 0]: readonly number[]): string {
  return one.toFixed(1);
}
