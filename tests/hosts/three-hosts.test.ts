import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';
import t from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { Follower } from '../cluster/follow.ts';
import type { Rest } from '../cluster/rest.ts';
import type { Message, Session } from '../cluster/shapes.ts';
import { STORM_AGENT } from '../cluster/storm-agent.ts';
import { judgeOrder, untilCalm } from '../cluster/storm-verdict.ts';
import type { Host } from './host.ts';
import { spreadImage } from './images.ts';
import { type Rack, startRack } from './rack.ts';
import { judgeRack } from './rack-verdict.ts';
import { recordsOf } from './records.ts';
import { leftovers } from './sweep.ts';

const UNREACHABLE_WITHIN_MS = 60_000;
const BACK_WITHIN_MS = 60_000;

t.setTimeout(280_000);
let closed: Rack | undefined;

t.test('three hosts', async (t) => {
  const rack = await startRack(t, { hosts: { ann: {}, ben: {}, cem: {} } });
  closed = rack;
  const { rest } = rack;

  const build = await deploy(rest, 'worker', await writeAgent(join(rack.place.directory, 'worker'), { 'main.py': STORM_AGENT }));
  await spreadImage(build.image_tag ?? '', rack.all);
  const sessions = await Promise.all(Array.from({ length: 6 }, () => rest.createSession()));
  const taken = new Map<string, Message[]>(sessions.map(({ id }) => [id, []]));
  const post = async (of: readonly Session[], content: string) => {
    const posted: Message[] = [];
    for (const { id } of of) posted.push(await rest.post(id, content));
    for (const message of posted) taken.get(message.session_id)?.push(message);
    return posted.map(({ id }) => id);
  };
  const on = (host: Host) => sessions.filter(({ node }) => node === host.name);

  await t.test('sessions go to all of them, and answer', async (t) => {
    for (const host of rack.all) t.equal(on(host).length, 2, `${host.name} has two`);
    await post(sessions, 'hello');
    await untilCalm(rest, idsOf(sessions));
    await judgeRack(t, rack, idsOf(sessions));
  });

  const [ann, ben, cem] = [rack.host('ann'), rack.host('ben'), rack.host('cem')];
  const before = await containersOf(rack);

  await t.test('a host is cut off for longer than its lease, and another can send and hears nothing', async (t) => {
    const news = await Follower.ofAll(rest);
    const leaseMs = await leaseOf(rest);
    t.teardown(() => news.close());
    const records = recordsOf(rack, idsOf(sessions));
    const cuts = [() => ben.wire.cut('in', 'out'), () => cem.wire.cut('in')];
    const areCut = [ben, cem].map((host, index) => {
      const [{ id } = { id: '' }] = on(host);
      return records.untilMoreThan(records.started(id).length, id, 30_000).then(cuts[index]);
    });
    for (let number = 0; number < 3; number += 1) await post(sessions, `under way before the cut ${number}`);
    await Promise.all(areCut);
    const cutAtMs = performance.now();
    const unheard = await post(sessions, 'posted during the cut');

    const away = new Set<unknown>();
    await news.next(
      'both to be unreachable',
      ({ type, data }) => {
        if (type === 'node.unreachable') away.add(nameIn(data));
        return away.has('ben') && away.has('cem');
      },
      UNREACHABLE_WITHIN_MS,
    );
    await Promise.all([untilCalm(rest, idsOf(on(ann))), elapsed(cutAtMs + leaseMs - performance.now())]);
    t.equal((await rest.createSession()).node, 'ann', 'a new session goes to the host that is left');
    for (const { id } of [...on(ben), ...on(cem)]) {
      t.match((await rest.session(id)).state, /^(idle|busy)$/, 'those that cannot be reached keep their state');
      const answered = (await answersOf(rest, id)).map(({ metadata }) => metadata.in_reply_to);
      t.notOk(
        answered.some((message) => unheard.includes(String(message))),
        'and their messages wait',
      );
    }

    await Promise.all([ben.wire.mend(), cem.wire.mend()]);
    const back = new Set<unknown>();
    await news.next(
      'both to be back',
      ({ type, data }) => {
        if (type === 'node.ready') back.add(nameIn(data));
        return back.has('ben') && back.has('cem');
      },
      BACK_WITHIN_MS,
    );
    await untilCalm(rest, idsOf(sessions));
  });

  await t.test('every message was answered once, by the agent, which ran once for each', async (t) => {
    const records = recordsOf(rack, idsOf(sessions));
    for (const { id } of sessions) {
      const messages = await rest.messages(id);
      judgeOrder(t, messages, taken.get(id) ?? []);
      t.same([...new Set((await answersOf(rest, id)).map(({ metadata }) => metadata.type))], ['agent_response']);
      t.same(
        records.started(id),
        (taken.get(id) ?? []).map((message) => message.id),
        'on its disk, in order',
      );
    }
  });

  await t.test('no container was touched; store, inventories and each Docker agree', async (t) => {
    const after = await containersOf(rack);
    for (const [session, container] of before) t.equal(after.get(session), container);
    const listed = await rest.call('GET', '/sessions?limit=100');
    const all = Array.isArray(listed.body) ? listed.body.map(({ id }: { id: string }) => id) : [];
    t.equal(all.length, 7);
    await judgeRack(t, rack, all);
  });
});

t.test('nothing of it is left on this machine', async (t) => {
  const directory = closed?.place.directory ?? '';
  t.notOk(existsSync(directory));
  t.same(await leftovers(directory), []);
});

async function leaseOf(rest: Rest): Promise<number> {
  const nodes = z.array(z.looseObject({ lease: z.object({ seconds: z.number() }) })).parse((await rest.call('GET', '/nodes')).body);
  return Math.max(...nodes.map(({ lease }) => lease.seconds * 1000));
}

const idsOf = (sessions: readonly Session[]) => sessions.map(({ id }) => id);
const answersOf = async (rest: Rest, session: string) => (await rest.messages(session)).filter(({ role }) => role === 'agent');

function nameIn(data: Readonly<Record<string, unknown>>): unknown {
  const { node } = data;
  return typeof node === 'object' && node !== null && 'name' in node ? node.name : undefined;
}

async function containersOf(rack: Rack): Promise<ReadonlyMap<string, string>> {
  return new Map((await Promise.all(rack.all.map((host) => host.containers()))).flat());
}
