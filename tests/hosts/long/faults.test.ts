import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { deploy, writeAgent } from '../../cluster/agents.ts';
import { sessionImage } from '../../cluster/docker.ts';
import { historyMissing, previousRelease } from '../../cluster/previous-release.ts';
import { sessionShape } from '../../cluster/shapes.ts';
import type { Kill } from '../../cluster/storm.ts';
import { STORM_AGENT } from '../../cluster/storm-agent.ts';
import type { Excuse } from '../../cluster/storm-errors.ts';
import { Traffic } from '../../cluster/storm-traffic.ts';
import { judgeErrors, judgeOrder, judgeReplies, untilCalm } from '../../cluster/storm-verdict.ts';
import { SeededRandom } from '../../simulation/world/random.ts';
import type { Host } from '../host.ts';
import { untilPulled } from '../images.ts';
import { LOGS, startRack } from '../rack.ts';
import { judgeRack, judgeRegistry } from '../rack-verdict.ts';
import { recordsOf } from '../records.ts';
import { allStrikes } from '../strikes/all.ts';
import { type CuttingStrike, cutBy } from '../strikes/runs-cut.ts';

const SESSIONS = 30;
/** Half of them for any sessions, the others for those that a strike is about. */
const MESSAGES = 1_500;
const PULLED_WITHIN_MS = 240_000;
const RUNS_WITHIN_MS = 60_000;
/** Sparse: it costs what is written. */
const DISK_BYTES = 16 * 2 ** 30;
/** For each session of a host before its containers die: enough that some still work then. */
const BACKLOG = 4;
const CUTTING_STRIKES = 10;
const ENGINE_AWAY_MS = Number(process.env.RAWORC_HOSTS_ENGINE_AWAY_MS ?? 120_000);
/** A comma-separated list of words: only strikes whose name contains one. */
const ONLY = process.env.RAWORC_HOSTS_STRIKES?.split(',');
const seed = Number(process.env.RAWORC_HOSTS_SEED ?? Date.now() % 1_000_000);

t.setTimeout(3_000_000);
t.test(`${MESSAGES} messages to ${SESSIONS} sessions while everything fails in turn (RAWORC_HOSTS_SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const startedAt = performance.now();
  const say = (what: string) => {
    const line = `${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${what}`;
    t.comment(line);
    if (LOGS !== undefined) appendFileSync(join(LOGS, `storm-${seed}.log`), `${line}\n`);
  };
  const host = { diskBytes: DISK_BYTES };
  const rack = await startRack(t, { hosts: { ann: host, ben: host, cem: host }, diskBytes: DISK_BYTES, env: { RAWORC_REGISTRY: 'on' } });
  const { rest } = rack;
  const noRelease = await historyMissing();
  if (ONLY === undefined) t.equal(noRelease, undefined, 'a node agent can be downgraded');
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
  const cutting: CuttingStrike[] = [];
  const on = (host: Host | undefined) => created.filter(({ node }) => node === host?.name).map(({ id }) => id);
  const works = async (id: string) => {
    const running = recordsOf(rack, [id]).untilRunning([id], RUNS_WITHIN_MS);
    traffic.to(id, BACKLOG);
    await running;
  };
  const answersOn = async (host: Host) => {
    const [id = ''] = on(host);
    const records = recordsOf(rack, [id]);
    const before = traffic.taken.get(id)?.length ?? 0;
    traffic.to(id, 1);
    await traffic.allTaken();
    const last = traffic.taken.get(id)?.slice(before).at(-1)?.id;
    if (last === undefined) throw new Error(`no message is left for ${host.name}`);
    while (!records.started(id).includes(last)) await records.untilMoreThan(records.started(id).length, id, 60_000);
  };
  const all = allStrikes(rack, ENGINE_AWAY_MS, release);
  const nameless = (ONLY ?? []).filter((word) => !all.some(({ name }) => name.includes(word)));
  t.same(nameless, [], 'each word of RAWORC_HOSTS_STRIKES is in the name of a strike');
  const strikes = all.filter(({ name }) => ONLY?.some((word) => name.includes(word)) ?? true);
  for (const strike of strikes) {
    traffic.anywhere(Math.floor(MESSAGES / 2 / (strikes.length + 1)));
    let hit = on(strike.cuts);
    if (strike.cuts !== undefined) {
      const running = recordsOf(rack, hit).untilRunning(hit, RUNS_WITHIN_MS);
      for (const id of hit) traffic.to(id, BACKLOG);
      await running;
    }
    const cut = recordsOf(rack, hit).unfinished(hit);
    say(strike.name);
    const atMs = Date.now();
    const hits = (session: string) => {
      hit = [session];
    };
    const befallen = strike.befall({ answersOn, works, hits });
    if (strike.takesController) isUp = befallen.catch(() => undefined);
    await befallen;
    await rack.untilReady();
    const doneMs = Date.now();
    kills.push(...hit.map((session) => ({ victim: 'container', session, atMs, doneMs, cut }) as const));
    if (strike.cuts !== undefined) cutting.push({ strike: strike.name, hit, doneMs });
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
  const errors: Excuse[] = [];
  for (const session of sessions) {
    await t.test(`session ${session}`, async (t) => {
      const messages = (await rest.messages(session)).filter(
        ({ id, metadata }) => id !== warm.get(session) && metadata.in_reply_to !== warm.get(session),
      );
      judgeOrder(t, messages, traffic.taken.get(session) ?? []);
      const begun = records.started(session);
      t.equal(new Set(begun).size, begun.length, 'no message was run twice');
      const own = kills.filter((kill) => kill.session === session);
      errors.push(...judgeErrors(t, messages, own, records.runs(session)));
      judgeReplies(t, messages);
    });
  }
  // A guest that is stopped ends at once, and its agent can record the end of the run that is lost.
  const recorded = errors.filter((excuse) => excuse === 'between syncs').length;
  say(`${strikes.length} strikes, ${errors.length} of ${kills.length} possible runs have an error, ${recorded} of them after their end`);
  t.ok(errors.length <= kills.length);
  const runsCut = cutBy(cutting, records);
  for (const [strike, count] of runsCut) say(`${count} runs were cut off when ${strike}`);
  const effective = [...runsCut.values()].filter((count) => count > 0).length;
  if (ONLY === undefined) t.ok(effective >= CUTTING_STRIKES, `${effective} strikes cut off a run`);
  else t.ok(cutting.length === 0 || effective > 0, `${effective} of ${cutting.length} strikes cut off a run`);
  await t.test('store, inventories and Docker agree', async (t) => {
    const images = [await sessionImage(), build.image_tag ?? ''].sort();
    for (const image of images) await untilPulled(image, rack.all, PULLED_WITHIN_MS);
    for (const one of rack.all) t.same(await one.images(), images, `${one.name} has what sessions can need, and no more`);
    await judgeRack(t, rack, sessions);
    await judgeRegistry(t, rack);
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
