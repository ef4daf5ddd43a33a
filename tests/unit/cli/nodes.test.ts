import t from 'tap';
import { fakeServer, frame, send, stream, world } from './world.ts';

const ID = 'aaaa1111-0000-4000-8000-000000000001';
const AT = '2026-01-02T03:04:05.678Z';
const drain = (left: number) => ({
  status: left === 0 ? 'drained' : 'draining',
  started_at: AT,
  deadline_at: AT,
  on_deadline: 'suspend',
  drained_at: left === 0 ? AT : null,
  sessions_left: left,
  sessions_by_state: left === 0 ? {} : { busy: left },
});
const node = (more: object = {}) => ({ id: ID, name: 'node-2', labels: {}, schedulable: true, drain: null, conditions: [], ...more });

t.test('labels are set and removed, and others stay', async (t) => {
  const labels = { zone: 'a', disk: 'hdd', old: '' };
  const server = await fakeServer(t, {
    'GET /nodes/node-2': { body: node({ labels }) },
    'PATCH /nodes/node-2': { body: node({ labels: { zone: 'a', disk: 'nvme', rack: 'r=1' } }) },
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'label', 'node-2', 'disk=nvme', 'old-', 'rack=r=1'), { code: 0, out: 'disk=nvme rack=r=1 zone=a\n' });
  t.same(server.asked.at(-1)?.json, { labels: { disk: 'nvme', old: null, rack: 'r=1' } });
  t.match(await run('node', 'label', 'node-2'), { code: 0, out: 'disk=hdd old= zone=a\n' });
  t.match(await run('node', 'label', 'node-2', 'zone'), { code: 2, err: /"zone" is not a label. Write KEY=VALUE/ });
});

t.test('a node is cordoned and uncordoned', async (t) => {
  const server = await fakeServer(t, {
    'POST /nodes/node-2/cordon': { body: node({ schedulable: false }) },
    'POST /nodes/node-2/uncordon': { body: node() },
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'cordon', 'node-2'), { code: 0, out: 'node-2 is cordoned: it accepts no new sessions\n' });
  t.match(await run('node', 'uncordon', 'node-2'), { code: 0, out: 'node-2 accepts sessions\n' });
});

t.test('a drain shows its progress until no session runs', async (t) => {
  const steps = [drain(2), drain(1), drain(1), drain(0)];
  const about = (id: string) => frame('node.drain_progress', { node: { id } }, id);
  const server = await fakeServer(t, {
    'GET /events': stream(about(ID), about('another'), about(ID), about(ID)),
    'POST /nodes/node-2/drain': { body: node({ drain: steps[0] }) },
    [`GET /nodes/${ID}`]: (response) => send(response, 200, node({ drain: steps.splice(1, 1)[0] })),
  });
  const { run } = await world(t, server);
  const drained = await run('node', 'drain', 'node-2', '--deadline', '0');
  t.match(drained, { code: 0, out: 'node-2 is drained\n' });
  const lines = drained.err.split('\n').filter((line) => !line.startsWith('Ctrl-C'));
  t.same(lines, [
    `2 sessions have not stopped (2 busy), until ${AT} at the latest`,
    `1 session has not stopped (1 busy), until ${AT} at the latest`,
    'All sessions have stopped',
    '',
  ]);
  t.same(server.asked.find(({ method }) => method === 'POST')?.json, { deadline_s: 0, on_deadline: 'suspend' });
  t.equal(server.requests()[0], 'GET /events', 'it listens before it begins');
});

t.test('a cancelled drain is a failure; without --wait the command returns at once', async (t) => {
  const server = await fakeServer(t, {
    'GET /events': stream(frame('node.updated', { node: { id: ID } }, '1')),
    'POST /nodes/node-2/drain': { body: node({ drain: drain(2) }) },
    [`GET /nodes/${ID}`]: { body: node() },
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'drain', 'node-2', '--no-interrupt'), { code: 1, out: '', err: /ended by another request/ });
  t.same(server.asked.find(({ method }) => method === 'POST')?.json, { on_deadline: 'wait' });
  t.match(await run('node', 'drain', 'node-2', '--no-wait'), { code: 0, out: /Follow it with `raworc node get node-2`/ });
  t.match(await run('node', 'drain', 'node-2', '--deadline', 'soon'), { code: 2, err: /number of minutes/ });
});

t.test('a node is removed; with sessions only as lost', async (t) => {
  const message = 'The node node-2 has the files of 2 sessions. If the node is gone for good, send lost=true: its sessions fail.';
  const server = await fakeServer(t, {
    'DELETE /nodes/node-2': (response, { path }) =>
      path.includes('lost=true') ? send(response, 204, undefined) : send(response, 409, { error: { code: 'CONFLICT', message } }),
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'remove', 'node-2'), {
    code: 1,
    out: '',
    err: /has the files of 2 sessions\. If the node is gone for good, use `raworc node remove --lost`: its sessions fail\./,
  });
  t.match(await run('node', 'rm', 'node-2', '--lost'), { code: 0, out: 'node-2 is removed\n' });
});
