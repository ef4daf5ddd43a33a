import { globSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from '../../cluster/agents.ts';
import { Follower } from '../../cluster/follow.ts';
import { expect, type Rest } from '../../cluster/rest.ts';
import { errorShape, sessionShape } from '../../cluster/shapes.ts';
import { STORM_AGENT } from '../../cluster/storm-agent.ts';
import { spreadImage } from '../images.ts';
import { type Rack, startRack } from '../rack.ts';
import { judgeRack } from '../rack-verdict.ts';
import { recordsOf } from '../records.ts';

const LOST_AFTER_S = 20;
const COMES_WITHIN_MS = 60_000;
const [FAKETIME] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

/** The environment of a process whose wall clock is behind, and whose timers are not. */
const behind = (by: string) => ({
  LD_PRELOAD: FAKETIME ?? '',
  FAKETIME: `-${by}`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
});

t.setTimeout(280_000);
t.test('hosts that are not well', async (t) => {
  const rack = await startRack(t, {
    hosts: { ann: {}, ben: {}, late: { joins: false, env: behind('10m') }, old: { joins: false, env: behind('3h') } },
    env: { RAWORC_NODE_LOST_AFTER_S: String(LOST_AFTER_S) },
  });
  const { rest } = rack;
  const [ann, ben, late, old] = [rack.host('ann'), rack.host('ben'), rack.host('late'), rack.host('old')];
  const build = await deploy(rest, 'worker', await writeAgent(join(rack.place.directory, 'worker'), { 'main.py': STORM_AGENT }));
  await spreadImage(build.image_tag ?? '', [ann, ben, late]);

  await t.test('a stopped Docker: the node says so, and gets no session until it is back', async (t) => {
    await ben.engine.end('SIGTERM');
    await untilConditions(rest, 'ben', (types) => types.includes('EngineHung'));
    const sessions = await Promise.all(Array.from({ length: 3 }, () => rest.createSession()));
    t.same(new Set(sessions.map(({ node }) => node)), new Set(['ann']));
    await ann.engine.end('SIGTERM');
    await untilConditions(rest, 'ann', (types) => types.includes('EngineHung'));
    const refused = await rest.call('POST', '/sessions', {});
    t.equal(refused.status, 503);
    const { message } = errorShape.parse(refused.body).error;
    for (const name of ['ann', 'ben'])
      t.match(message, new RegExp(`${name} accepts no new sessions: The container engine of this node does not answer`));
    await Promise.all([ann.startEngine(), ben.startEngine()]);
    await untilConditions(rest, 'ann', (types) => !types.includes('EngineHung'));
    await untilConditions(rest, 'ben', (types) => !types.includes('EngineHung'));
    const { id, node } = await rest.createSession();
    t.equal(node, 'ben', 'the emptier one, since it is back');
    for (const session of [...sessions.map((one) => one.id), id]) await rest.say(session, 'are you there?');
    await judgeRack(t, rack, [...sessions.map((one) => one.id), id]);
    for (const session of [...sessions.map((one) => one.id), id]) await rest.removeSession(session);
  });

  await t.test('a clock that is ten minutes behind: the node joins and works, and shows it', async (t) => {
    if (FAKETIME === undefined) throw new Error('libfaketime is missing: apt-get install faketime');
    await late.startAgent(await rest.nodeToken());
    await cordon(rest, true, 'ann', 'ben');
    const { id, node } = await rest.createSession();
    t.equal(node, 'late');
    t.equal((await rest.say(id, 'what time is it?')).reply.metadata.type, 'agent_response');
    await untilConditions(rest, 'late', (types) => types.includes('ClockSkew'));
    await cordon(rest, false, 'ann', 'ben');
  });

  await t.test('a clock that is three hours behind: the node cannot join, and says why', async (t) => {
    const agent = old.launchAgent(await rest.nodeToken());
    t.not(await agent.child.ended(60_000), 'code 0');
    t.match(agent.child.lines.join('\n'), /the certificate of the controller at .* is not valid yet: the clock is behind/);
  });

  await t.test('a host that was lost stops what is no longer its own', async (t) => {
    const news = await Follower.ofAll(rest);
    t.teardown(() => news.close());
    await cordon(rest, true, 'ann', 'late');
    const [working, gone] = [await rest.createSession(), await rest.createSession()];
    await cordon(rest, false, 'ann');
    t.same([working.node, gone.node], ['ben', 'ben']);
    for (const { id } of [working, gone]) await rest.say(id, 'hello');
    const records = recordsOf(rack, [working.id]);
    const runs = records
      .untilMoreThan(records.started(working.id).length, working.id, COMES_WITHIN_MS)
      .then(() => ben.wire.cut('in', 'out'));
    for (let number = 0; number < 5; number += 1) await rest.post(working.id, `before the loss ${number}`);
    await runs;
    await news.next('ben to be lost', ({ type }) => type === 'node.lost', COMES_WITHIN_MS);
    const seen = await Follower.of(rest, working.id);
    if ((await rest.session(working.id)).state !== 'error') await seen.session('an error', ({ state }) => state === 'error');
    seen.close();
    t.match((await rest.session(working.id)).termination_reason, /host lost: the node ben/);
    const [since, lostAt] = await absence(rack, 'ben');
    const awayS = (lostAt - since) / 1000;
    t.ok(awayS >= LOST_AFTER_S && awayS < 2 * LOST_AFTER_S, `lost in the stated time, ${awayS} s after it was unreachable`);
    t.equal((await rest.createSession()).node, 'ann', 'new sessions go elsewhere');
    await rest.removeSession(gone.id);

    const filters = ['create', 'die', 'destroy'].flatMap((action) => ['--filter', `event=${action}`]);
    const format = ['--format', '{{.Action}} {{.Actor.Attributes.name}}'];
    const ended = ben.machine.launch('docker events', 'docker', ['events', ...filters, ...format], { PATH: process.env.PATH ?? '' });
    await cordon(rest, true, 'ann');
    const waits = rest.call('POST', '/sessions?wait=60s', {});
    const begun = records.started(working.id);
    await ben.wire.mend();
    for (const { id } of [working, gone])
      await ended.child.untilLine('its container to be removed', (line) => line === `destroy raworc_session_${id}`, COMES_WITHIN_MS);
    const next = sessionShape.parse(expect(await waits, 201, 'create a session that waits for a node'));
    t.equal(next.node, 'ben', 'one that waited for room is placed there at once');
    await ended.child.untilLine('its container', (line) => line === `create raworc_session_${next.id}`, COMES_WITHIN_MS);
    const at = (line: string) => ended.child.lines.indexOf(line);
    for (const { id } of [working, gone])
      t.ok(at(`die raworc_session_${id}`) < at(`create raworc_session_${next.id}`), 'what is not its own ends first');
    await cordon(rest, false, 'ann');
    await rest.removeSession(next.id);
    for (const { id } of [gone, next])
      await ben.agent.child.untilLine('its disk to be removed', (line) => line.includes('session.removed') && line.includes(id));
    t.same(await ben.containers(), []);
    t.same(ben.disks(), [working.id], 'the failed session keeps its disk; the deleted one loses it');
    const messages = await rest.messages(working.id);
    const lost = messages.filter(({ metadata }) => metadata.reason === 'host_lost').map(({ metadata }) => metadata.in_reply_to);
    t.ok(lost.length > 0, 'what was not answered has an error');
    t.equal(messages.filter(({ role }) => role === 'user').length, messages.filter(({ role }) => role === 'agent').length);
    await ended.end('SIGKILL');

    expect(await rest.call('PUT', `/sessions/${working.id}/state`, { state: 'init' }), 200, 'recover the session');
    const { id: after } = await rest.say(working.id, 'after the recovery');
    t.same(
      recordsOf(rack, [working.id]).started(working.id),
      [...begun, after],
      'on its disk: nothing ran since the loss, and nothing twice',
    );
    t.equal(new Set(begun).size, begun.length);
  });
});

async function cordon(rest: Rest, isCordoned: boolean, ...nodes: readonly string[]): Promise<void> {
  const verb = isCordoned ? 'cordon' : 'uncordon';
  for (const node of nodes) expect(await rest.call('POST', `/nodes/${node}/${verb}`), 200, `${verb} ${node}`);
}

const eventTimes = z.array(z.object({ at: z.number() }));

/** Times of the last events that said that the node is unreachable and lost. */
async function absence({ head }: Rack, node: string): Promise<readonly [number, number]> {
  const last = async (type: string) => {
    const sql = `select at from events where type = '${type}' and data like '%"${node}"%' order by number desc limit 1`;
    return eventTimes.parse(await head.query(sql))[0]?.at ?? Number.NaN;
  };
  return [await last('node.unreachable'), await last('node.lost')];
}

const conditionsShape = z.looseObject({ conditions: z.array(z.object({ type: z.string() })) });

/** There is no event for conditions, so it looks again and again. */
async function untilConditions(rest: Rest, node: string, holds: (types: readonly string[]) => boolean): Promise<void> {
  const endsAt = performance.now() + COMES_WITHIN_MS;
  for (;;) {
    const { conditions } = conditionsShape.parse((await rest.call('GET', `/nodes/${node}`)).body);
    const types = conditions.map(({ type }) => type);
    if (holds(types)) return;
    if (performance.now() > endsAt) throw new Error(`the conditions of ${node} stay: ${types.join(', ')}`);
    await new Promise<void>((resolve) => setTimeout(resolve, 200));
  }
}
