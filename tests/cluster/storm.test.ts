import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { SeededRandom } from '../simulation/world/random.ts';
import { deploy, writeAgent } from './agents.ts';
import { containersOf } from './docker.ts';
import { startCluster } from './harness.ts';
import { Storm } from './storm.ts';
import { RunRecords, STORM_AGENT } from './storm-agent.ts';
import type { Excuse } from './storm-errors.ts';
import { planStorm } from './storm-plan.ts';
import { judgeRestore } from './storm-restore.ts';
import { Traffic } from './storm-traffic.ts';
import { judgeErrors, judgeInventories, judgeOrder, judgeReplies, untilCalm } from './storm-verdict.ts';

const SESSIONS = 10;
const MESSAGES = 500;
const seed = Number(process.env.RAWORC_STORM_SEED ?? Date.now() % 1_000_000);

t.setTimeout(280_000);
t.test(`a storm of kills loses no message and answers none twice (RAWORC_STORM_SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }, { name: 'node-2' }], nats: true });
  const { rest } = cluster;
  await deploy(rest, 'worker', await writeAgent(join(cluster.directory, 'worker'), { 'main.py': STORM_AGENT }));
  const sessions = (await Promise.all(Array.from({ length: SESSIONS }, () => rest.createSession()))).map(({ id }) => id);
  const warm = new Map<string, string>();
  for (const session of sessions) warm.set(session, (await rest.say(session, 'warm up')).id);
  const records = RunRecords.of(cluster, sessions);

  const storm = new Storm(cluster, sessions, records, random.fork('storm'), (line) => t.comment(line));
  const traffic = new Traffic(rest, sessions, random.fork('traffic'), MESSAGES, () => storm.controllerUp());
  const file = join(cluster.directory, 'backup.tar');
  await storm.rage(planStorm(random.fork('plan'), sessions), traffic, async () => {
    const backup = await cluster.program('backup', file);
    t.equal(backup.end, 'code 0', backup.lines.join('\n'));
    t.comment(backup.lines.join('\n'));
  });
  await traffic.end();
  await untilCalm(rest, sessions);
  const { kills } = storm;
  const during = kills.filter(({ cut }) => cut.length > 0);
  t.comment(`${kills.length} kills, ${during.length} of them during a run; ${storm.stops} stops; ${traffic.retries} calls were made again`);
  t.equal([...traffic.taken.values()].flat().length, MESSAGES);
  t.ok(kills.length >= 30, 'at least 30 kills');
  t.ok(during.length >= 10, 'at least 10 of them during a run');

  const errors: Excuse[] = [];
  let cutOff = 0;
  for (const session of sessions) {
    await t.test(`session ${session}`, async (t) => {
      const messages = (await rest.messages(session)).filter(
        ({ id, metadata }) => id !== warm.get(session) && metadata.in_reply_to !== warm.get(session),
      );
      judgeOrder(t, messages, traffic.taken.get(session) ?? []);
      judgeReplies(t, messages);
      const own = kills.filter((kill) => kill.session === session);
      const begun = records.started(session);
      t.equal(new Set(begun).size, begun.length, 'no message was run twice');
      errors.push(...judgeErrors(t, messages, own, records.runs(session)));
      cutOff += records.unfinished([session]).length;
    });
  }
  const between = errors.filter((excuse) => excuse === 'between syncs').length;
  t.comment(`${errors.length} error_responses, ${between} of them between two syncs; ${cutOff} runs have a start and no end in the record`);
  t.ok(errors.length - between <= cutOff, 'no more error_responses than runs that were started and unfinished at a kill');
  t.ok(between <= kills.filter(({ session }) => session !== undefined).length / 4, 'but for the few that were between two syncs');
  t.ok(errors.length <= MESSAGES / 10, 'at least 90 % are real replies');

  await t.test('store, inventories and Docker agree, also after a restart of the node agents', async (t) => {
    await judgeInventories(t, cluster, sessions);
    const before = await containersOf(cluster.id);
    const again = ['node-1', 'node-2'].map(async (name) => {
      await cluster.node(name).kill();
      await cluster.restartNode(name);
    });
    await Promise.all(again);
    await judgeInventories(t, cluster, sessions);
    t.same(await containersOf(cluster.id), before);
  });

  const { id: after } = await rest.createSession();
  await t.test('the backup taken in the storm is restored, and live sessions are untouched', (t) =>
    judgeRestore(t, cluster, file, sessions, traffic.taken, after),
  );

  await t.test('deleted sessions leave nothing behind', async (t) => {
    const removals = [...sessions, after].map(async (session) => {
      const { node } = await rest.session(session);
      await rest.removeSession(session);
      const holder = cluster.node(node ?? '').process;
      await holder.untilLine('its removal', (line) => line.includes('session.removed') && line.includes(session));
    });
    await Promise.all(removals);
    t.same(await containersOf(cluster.id), []);
    t.same(cluster.disks(), []);
    t.same(
      [...cluster.nodes.values()].flatMap((node) => node.socketDirectories()),
      [],
    );
  });
});
