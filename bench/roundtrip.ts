/**
 * Times a message to a trivial agent in a running session until its reply, over REST with `?wait`,
 * and compares it with `docker exec CONTAINER true`: by Docker's API (create, start, wait for the
 * exit; the fastest way) and by the command line (what a person types). All take turns in one run,
 * since absolute times drift. `npm run bench -- roundtrip [turns]`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { execIn } from '../tests/cluster/docker.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { benchmark } from './figures/benchmark.ts';
import { median, percentile, timed } from './figures/figures.ts';

const WARM_UP = 20;
/** Minimum speed-up over `docker exec` at the median; below it the exit code is 1. */
const GOALS = { faster: 25, p99: 4 };
const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };

const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 200);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

await benchmark(async ({ signal, scope, table, times, goal }) => {
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1' }], nats: true });
  await deploy(cluster.rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), ECHO));
  const session = await cluster.rest.createSession();
  const container = session.container_id ?? '';

  const message = async () => {
    const { reply } = await cluster.rest.say(session.id, 'hello');
    if (reply.content !== 'hello') throw new Error(`not the reply: ${JSON.stringify(reply)}`);
  };
  const execByApi = async () => {
    const { code } = await execIn(container, ['true']);
    if (code !== 0) throw new Error(`docker exec exited with ${code}`);
  };
  const execByCommand = () => run('docker', ['exec', container, 'true']);

  for (let turn = 0; turn < WARM_UP; turn += 1) await message();
  await execByApi();
  await execByCommand();

  const all = { message: [] as number[], api: [] as number[], command: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    signal.throwIfAborted();
    all.message.push(await timed(message));
    all.api.push(await timed(execByApi));
    all.command.push(await timed(execByCommand));
  }

  table(`One message at a time, ${turns} turns`);
  times('message → reply (REST, ?wait)', all.message);
  times('docker exec true (Docker API)', all.api);
  times('docker exec true (docker CLI)', all.command);
  goal('faster than docker exec by the CLI, median', median(all.command) / median(all.message), { least: GOALS.faster });
  goal('p99 of the median', percentile(all.message, 99) / median(all.message), { most: GOALS.p99 });
});
