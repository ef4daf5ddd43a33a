import t from 'tap';
import { metricIn } from '../../../../controller/e2b/control/metrics.ts';
import { userIn } from '../../../../controller/e2b/data/data-exchange.ts';
import { endEvent } from '../../../../controller/e2b/data/exit-status.ts';
import { absolutePath, sandboxUser } from '../../../../controller/e2b/data/paths.ts';
import { destinationOf } from '../../../../controller/e2b/routing.ts';

t.test('a request goes to the sandbox of its headers, then of its host, then of its signature', async (t) => {
  const to = (url: string, headers: Record<string, string> = {}) => destinationOf({ url, headers: { host: 'localhost:9010', ...headers } });
  t.same(to('/x', { 'e2b-sandbox-id': 'A-b', 'e2b-sandbox-port': '3000' }), { plane: 'data', id: 'a-b', port: 3000 });
  t.same(to('/x', { 'e2b-sandbox-id': 'a' }), { plane: 'data', id: 'a', port: 49_983 });
  t.same(to('/x', { 'e2b-sandbox-id': 'a', 'e2b-sandbox-port': '99999' }), { plane: 'data', id: 'a', port: 0 });
  t.same(to('/x', { host: '8080-a-b-c.sbx.test:3443' }), { plane: 'data', id: 'a-b-c', port: 8080 });
  t.same(to('/files?path=a&signature=v1_x'), { plane: 'signed' });
  t.same(to('/files?path=a'), { plane: 'control' });
  t.same(to('/sandboxes', { host: '127.0.0.1:9010' }), { plane: 'control' });
});

t.test('paths are below the home of their user', async (t) => {
  t.same(
    ['', '~', '~/a', 'a/../b', '/etc/x', '../x'].map((path) => absolutePath(path, 'user')),
    ['/home/user', '/home/user', '/home/user/a', '/home/user/b', '/etc/x', '/home/x'],
  );
  t.equal(absolutePath('a', 'root'), '/root/a');
  t.throws(() => sandboxUser('daemon'), { code: 'unauthenticated' });
  const basic = (name: string) => `Basic ${Buffer.from(`${name}:`).toString('base64')}`;
  t.same([undefined, basic('root'), basic(''), 'Bearer x'].map(userIn), ['user', 'root', 'user', undefined]);
});

t.test('the end of a process is told as E2B tells it', async (t) => {
  t.same(endEvent({ exitCode: 0, signal: null }), { exitCode: 0, exited: true, status: 'exit status 0' });
  t.same(endEvent({ exitCode: 3, signal: null }), { exitCode: 3, exited: true, status: 'exit status 3', error: 'exit status 3' });
  for (const signal of ['SIGKILL', 'KILL'])
    t.same(endEvent({ exitCode: null, signal }), { exitCode: -1, exited: false, status: 'signal: killed', error: 'signal: killed' });
});

t.test('metrics are read from what a sandbox printed, whatever it printed', async (t) => {
  const limits = { cpuMillis: 2000, memoryBytes: 1024, diskBytes: 1, processes: 1 };
  const printed = 'cpu 100000000 100000000\nmem 512\ncache 12\ndisk 5 10\n';
  t.match(metricIn(printed, { limits }, 1_000_500), {
    cpuUsedPct: 50,
    memUsed: 512,
    memTotal: 1024,
    memCache: 12,
    diskUsed: 5,
    diskTotal: 10,
  });
  t.match(metricIn('cpu x\nmem -1\nrubbish', { limits }, 0), { cpuUsedPct: 0, memUsed: 0, diskTotal: 0, timestampUnix: 0 });
});
