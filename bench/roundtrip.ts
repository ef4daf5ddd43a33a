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
import { figures, median, row, timed } from './figures/figures.ts';

const WARM_UP = 20;
/** Minimum speed-up over `docker exec` at the median; below it the exit code is 1. */
const GOAL = 5;
const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };

const run = promisify(execFile);
const turns = Number(process.argv[2] ?? 200);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const endings: (() => Promise<void>)[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort(new Error('stopped')));
try {
  const scope = { teardown: (end: () => Promise<void>) => endings.push(end), passing: () => true, comment: () => undefined };
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

  const times = { message: [] as number[], api: [] as number[], command: [] as number[] };
  for (let turn = 0; turn < turns; turn += 1) {
    stop.signal.throwIfAborted();
    times.message.push(await timed(message));
    times.api.push(await timed(execByApi));
    times.command.push(await timed(execByCommand));
  }

  console.log(`${turns} turns, milliseconds`);
  console.log(row('', ['median', 'p95', 'p99']));
  console.log(row('message → reply (REST, ?wait)', figures(times.message)));
  console.log(row('docker exec true (Docker API)', figures(times.api)));
  console.log(row('docker exec true (docker CLI)', figures(times.command)));
  const ratio = (others: number[]) => median(others) / median(times.message);
  console.log(
    `At the median, a message is ${ratio(times.api).toFixed(1)} times faster than docker exec by the API and ${ratio(times.command).toFixed(1)} times faster than by the CLI.`,
  );
  if (ratio(times.command) < GOAL) process.exitCode = 1;
} finally {
  for (const end of endings) await end();
}
