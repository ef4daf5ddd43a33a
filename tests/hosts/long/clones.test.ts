import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapsed } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { deploy, writeAgent } from '../../cluster/agents.ts';
import { Follower } from '../../cluster/follow.ts';
import { STORM_AGENT } from '../../cluster/storm-agent.ts';
import { startRack } from '../rack.ts';
import { judgeRack } from '../rack-verdict.ts';
import { recordsOf } from '../records.ts';

const run = promisify(execFile);
const COMES_WITHIN_MS = 90_000;
/** Two minutes after the copy was refused last. */
const CLEARS_WITHIN_MS = 180_000;
const BESIDE = 6;

t.setTimeout(480_000);
t.test('two machines that want to be one node', async (t) => {
  const rack = await startRack(t, { hosts: { ann: {}, twin: { joins: false } } });
  const { rest } = rack;
  const [ann, twin] = [rack.host('ann'), rack.host('twin')];
  await deploy(rest, 'worker', await writeAgent(join(rack.place.directory, 'worker'), { 'main.py': STORM_AGENT }));
  const { id } = await rest.createSession();
  const asked = [(await rest.say(id, 'hello')).id];
  const [container] = await ann.containers();
  const records = recordsOf(rack, [id]);
  const data = (name: string) => join(rack.place.directory, name, 'lib', 'raworc');
  const isUntouched = async (t: Test) => {
    t.same(await ann.containers(), [container], 'the same container');
    t.same(records.started(id), asked, 'every message ran once, there');
    t.same(await twin.containers(), [], 'nothing runs on the other machine');
  };

  /** Conditions of alarms end without an event. */
  const untilUncontested = async () => {
    const endsAt = performance.now() + CLEARS_WITHIN_MS;
    while (JSON.stringify((await rest.call('GET', '/nodes/ann')).body).includes('IdentityContested')) {
      if (performance.now() > endsAt) throw new Error('the identity of ann is still contested');
      await elapsed(1_000);
    }
  };

  await t.test('a copy of its data on another machine is refused, with an alarm that names both', async (t) => {
    const news = await Follower.ofAll(rest);
    t.teardown(() => news.close());
    await run('cp', ['-a', '--sparse=always', data('ann'), data('twin')]);
    const clone = twin.launchAgent();
    const alarm = await news.next('an alarm', ({ type }) => type === 'node.alarm', COMES_WITHIN_MS);
    const text = JSON.stringify(alarm.data);
    for (const address of [ann.address, twin.address]) t.ok(text.includes(address), `${address} in ${text}`);
    for (let number = 0; number < BESIDE; number += 1) {
      const { id: message, reply } = await rest.say(id, `beside the copy ${number}`);
      asked.push(message);
      t.equal(reply.metadata.type, 'agent_response');
    }
    t.match((await rest.call('GET', '/nodes/ann')).body, { status: 'ready' });
    t.match(JSON.stringify((await rest.call('GET', '/nodes/ann')).body), /IdentityContested/);
    await isUntouched(t);
    await clone.end('SIGKILL');
    await ann.agent.end('SIGKILL');
    await ann.startAgent();
    asked.push((await rest.say(id, 'without the copy')).id);
    await isUntouched(t);
    await untilUncontested();
  });

  await t.test('its name is not given to a machine with another key, also while it is away', async (t) => {
    // It is off meanwhile, since the copy has mounted disks.
    await twin.powerOff();
    rmSync(data('twin'), { recursive: true });
    await twin.boot();
    await ann.agent.end('SIGKILL');
    const news = await Follower.ofAll(rest);
    t.teardown(() => news.close());
    const other = twin.launchAgent(await rest.nodeToken(), '--name', 'ann');
    t.not(await other.child.ended(COMES_WITHIN_MS), 'code 0');
    t.match(other.child.lines.join('\n'), /A node named .{1,2}ann.{1,2} exists, with another key/);
    const alarm = await news.next('an alarm', ({ type }) => type === 'node.alarm', COMES_WITHIN_MS);
    const text = JSON.stringify(alarm.data);
    for (const address of [ann.address, twin.address]) t.ok(text.includes(address), `${address} in ${text}`);
    await ann.startAgent();
    asked.push((await rest.say(id, 'after the attempt')).id);
    await isUntouched(t);
    await judgeRack(t, rack, [id]);
  });
});
