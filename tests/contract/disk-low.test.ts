/** A controller with an almost full disk, seen by its clients. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import { openTarget } from './target.ts';

t.setTimeout(60_000);

const MIB = 1024 * 1024;

t.test('requests that grow the store are refused and say what to do; others continue, and all do once there is room', async (t) => {
  const disk = { freeBytes: 1024 * MIB, totalBytes: 100_000 * MIB };
  const { rest, hollow } = await openTarget(t, { freeSpace: async () => disk });
  // Not on another server, whose disk this test cannot fill.
  if (!hollow) return;
  const healthIs = async (status: string) => {
    for (;;) {
      const { body } = await rest.call('GET', '/health');
      if (typeof body === 'object' && body !== null && 'status' in body && body.status === status) return body;
      await pause(50);
    }
  };
  const low = { status: 503, body: { error: { code: 'UNAVAILABLE', message: /disk is almost full: 100 MiB are free/ } } };
  const session = await rest.createSession();
  const other = await rest.createSession();
  await rest.call('POST', '/spaces/default/agents', { name: 'low' });
  await healthIs('ok');

  disk.freeBytes = 100 * MIB;
  t.match(await healthIs('degraded'), { degraded: { disk_low: 1 } });
  const refused = await rest.call('POST', `/sessions/${session.id}/messages`, { content: 'hello' });
  t.match(refused, low);
  t.equal(refused.headers.get('retry-after'), '30');
  t.match(await rest.call('POST', '/sessions', {}), low);
  t.match(await rest.call('POST', '/spaces', { name: 'more' }), low);
  const archive = new Uint8Array(await archiveOf([main]));
  t.match(await rest.send('PUT', '/spaces/default/agents/low/source', archive, 'application/gzip'), low);
  t.match(await rest.call('POST', `/sessions/${session.id}/pause`), { status: 200 });
  t.match(await rest.call('GET', '/sessions'), { status: 200 });
  t.match(await rest.call('DELETE', `/sessions/${other.id}/messages`), { status: 204 });
  t.match(await rest.call('DELETE', `/sessions/${other.id}`), { status: 204 });

  disk.freeBytes = 1024 * MIB;
  await healthIs('ok');
  t.match(await rest.call('POST', `/sessions/${session.id}/messages`, { content: 'hello' }), { status: 201 });
});
