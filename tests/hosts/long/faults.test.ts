import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { deploy, writeAgent } from '../../cluster/agents.ts';
import { sessionImage } from '../../cluster/docker.ts';
import { historyMissing, previousRelease } from '../../cluster/previous-release.ts';
import { sessionShape } from '../../cluster/shapes.ts';
import type { Kill } from '../../cluster/storm.ts';
import { STORM_AGENT } from '../../cluster/storm-agent.ts';
import { Traffic } from '../../cluster/storm-traffic.ts';
import { judgeErrors, judgeOrder, untilCalm } from '../../cluster/storm-verdict.ts';
import { SeededRandom } from '../../simulation/world/random.ts';
import type { Host } from '../host.ts';
import { untilPulled } from '../images.ts';
import { startRack } from '../rack.ts';
import { judgeRack } from '../rack-verdict.ts';
import { recordsOf } from '../records.ts';
import { allStrikes } from '../strikes/all.ts';

const SESSIONS = 30;
const MESSAGES = 1_000;
const PULLED_WITHIN_MS = 240_000;
/** Sparse: it costs what is written. */
const DISK_BYTES = 16 * 2 ** 30;
const ENGINE_AWAY_MS = Number(process.env.RAWORC_HOSTS_ENGINE_AWAY_MS ?? 120_000);
/** A comma-separated list of words: only strikes whose name contains one. */
const ONLY = process.env.RAWORC_HOSTS_STRIKES?.split(',');
const seed = Number(process.env.RAWORC_HOSTS_SEED ?? Date.now() % 1_000_000);

t.setTimeout(1_700_000);
t.test(`${MESSAGES} messages to ${SESSIONS} sessions while everything fails in turn (RAWORC_HOSTS_SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const startedAt = performance.now();
  const say = (line: string) => t.comment(`${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${line}`);
  const host = { diskBytes: DISK_BYTES };
  const rack = await startRack(t, { hosts: { ann: host, ben: host, cem: host }, diskBytes: DISK_BYTES, env: { RAWORC_REGISTRY: 'on' } });
  const { rest } = rack;
  const noRelease = await historyMissing();
  if (noRelease !== undefined) t.comment(`no node agent is downgraded: ${noRelease}`);
  const release = noRelease === undefined ? await previousRelease(t, rack.shared) : undefined;
  const build = await deploy(rest, 'worker', await writeAgent(join(rack.place.directory, 'worker'), { 'main.py': STORM_AGENT }));
  say('built');
  await untilPulled(build.image_tag ?? '', rack.all, PULLED_WITHIN_MS);
  say('on all hosts');
  const created = await Promise.all(Array.from({ length: SESSIONS }, () => rest.createSession()));
  const sessions = created.map(({ id }) => id);
  const warm = new Map<string, string>();
  await Promise.all(sessions.map(async (session) => warm.set(session, (await rest.say(session, 'warm up')).id)));
  say(`sessions: ${rack.all.map(({ name }) => `${created.filter(({ node }) => node === name).length} on ${name}`).join(', ')}`);

  let isUp: Promise<unknown> = Promise.resolve();
  const traffic = new Traffic(rest, sessions, random.fork('traffic'), MESSAGES, () => isUp);
  const kills: Kill[] = [];
  const answersOn = async (host: Host) => {
    const id = created.find(({ node }) => node === host.name)?.id ?? '';
    const records = recordsOf(rack, [id]);
    traffic.to(id, 1);
    await traffic.allTaken();
    const last = traffic.taken.get(id)?.at(-1)?.id ?? '';
    while (!records.started(id).includes(last)) await records.untilMoreThan(records.started(id).length, id, 60_000);
  };
  const strikes = allStrikes(rack, ENGINE_AWAY_MS, release).filter(({ name }) => ONLY?.some((word) => name.includes(word)) ?? true);
  for (const strike of strikes) {
    traffic.anywhere(Math.floor(MESSAGES / (strikes.length + 1)));
    const atMs = Date.now();
    const hit = created.filter(({ node }) => node === strike.cuts?.name).map(({ id }) => id);
    const records = recordsOf(rack, hit);
    if (hit.length > 0) await records.untilRunning(hit, 60_000).catch(() => say('nothing runs there'));
    const cut = records.unfinished(hit);
    say(strike.name);
    const befallen = strike.befall({ answersOn });
    if (strike.takesController) isUp = befallen.catch(() => undefined);
    await befallen;
    await rack.untilReady();
    kills.push(...hit.map((session) => ({ victim: 'container', session, atMs, doneMs: Date.now(), cut }) as const));
    const failed: string[] = [];
    for (const id of sessions) {
      const { state, node, termination_reason } = sessionShape.parse((await rest.call('GET', `/sessions/${id}`)).body);
      if (state === 'error') failed.push(`${id} on ${node}: ${termination_reason}`);
    }
    t.same(failed, [], `no session fails: ${strike.name}`);
  }
  say('the last strike is over');
  await traffic.end();
  await untilCalm(rest, sessions);
  say(`calm; ${traffic.retries} calls were made again`);

  const records = recordsOf(rack, sessions);
  let errors = 0;
  for (const session of sessions) {
    await t.test(`session ${session}`, async (t) => {
      const messages = (await rest.messages(session)).filter(
        ({ id, metadata }) => id !== warm.get(session) && metadata.in_reply_to !== warm.get(session),
      );
      judgeOrder(t, messages, traffic.taken.get(session) ?? []);
      const begun = records.started(session);
      t.equal(new Set(begun).size, begun.length, 'no message was run twice');
      const own = kills.filter((kill) => kill.session === session);
      errors += judgeErrors(t, messages, own, records.runs(session)).length;
      for (const { content, metadata } of messages.filter(({ metadata }) => metadata.type === 'agent_response'))
        t.match(content, /^\d+ heard message \d+ to /, `an answer to ${metadata.in_reply_to}`);
    });
  }
  say(`${strikes.length} strikes, ${errors} of ${kills.length} possible runs were cut off, and have an error for an answer`);
  t.ok(errors <= kills.length);
  await t.test('store, inventories and Docker agree', async (t) => {
    const images = [await sessionImage(), build.image_tag ?? ''].sort();
    for (const image of images) await untilPulled(image, rack.all, PULLED_WITHIN_MS);
    for (const one of rack.all) t.same(await one.images(), images, `${one.name} has what sessions can need, and no more`);
    await judgeRack(t, rack, sessions);
  });

  await t.test('deleted sessions leave nothing behind', async (t) => {
    const removals = created.map(async ({ id, node }) => {
      await rest.removeSession(id);
      const isRemoved = (line: string) => line.includes('session.removed') && line.includes(id);
      await rack.host(node ?? '').agent.child.untilLine(`${id} to be removed`, isRemoved, 120_000);
    });
    await Promise.all(removals);
    await judgeRack(t, rack, []);
  });
});
