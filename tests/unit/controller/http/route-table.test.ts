import t from 'tap';
import { RouteTable } from '../../../../controller/http/routing/route-table.ts';

function tableOf(...routes: readonly string[]): RouteTable<string> {
  const table = new RouteTable<string>('/api');
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ');
    table.add(method, path, route);
  }
  return table;
}

t.test('a route is found by its method and every word of its path', async (t) => {
  const table = tableOf('GET /things', 'POST /things', 'GET /things/{id}', 'GET /things/{id}/parts/{part}');
  const found = (method: string, path: string) => table.find(method, path)?.value;
  t.equal(found('GET', '/api/things'), 'GET /things');
  t.equal(found('POST', '/api/things/'), 'POST /things', 'with a slash at the end');
  t.equal(found('HEAD', '/api/things/1'), 'GET /things/{id}', 'GET answers HEAD');
  t.same(table.find('GET', '/api/things/1/parts/a%2Fb')?.params, { id: '1', part: 'a/b' });
  t.same(table.find('GET', '/api/things/%zz')?.params, { id: '%zz' }, 'what cannot be decoded stays as it is');
  const misses = ['/things', '/apis/things', '/api', '/api/', '/api/Things', '/api/things//', '/api//things', '/api/things//parts/2'];
  for (const path of [...misses, '/api/th%69ngs', '/api/things/1/parts', '/api/things/1/bits/2', '/api/__proto__', '*'])
    t.equal(found('GET', path), undefined, path);
  t.equal(found('DELETE', '/api/things/1'), undefined);
});

t.test('of two routes that fit, the first one added wins', async (t) => {
  const table = tableOf('GET /things/newest', 'GET /things/{id}');
  t.equal(table.find('GET', '/api/things/newest')?.value, 'GET /things/newest');
  t.equal(table.find('GET', '/api/things/other')?.value, 'GET /things/{id}');
});

t.test('a path lists the methods that it can be asked with', async (t) => {
  const table = tableOf('GET /things/{id}', 'DELETE /things/{id}', 'POST /things');
  t.same(table.methodsOf('/api/things/1'), ['HEAD', 'GET', 'DELETE']);
  t.same(table.methodsOf('/api/things'), ['POST']);
  t.same(table.methodsOf('/api/nothing'), []);
});

t.test('a route that goes on is found below its path, after the routes of that exact length', async (t) => {
  const table = tableOf('GET /things/{id}', 'GET /things/{id}/files', 'GET /things/{id}/files/newest');
  table.add('GET', '/things/{id}/files', 'rest', 'path');
  const found = (path: string) => table.find('GET', path);
  t.equal(found('/api/things/1/files')?.value, 'GET /things/{id}/files');
  t.equal(found('/api/things/1/files/newest')?.value, 'GET /things/{id}/files/newest');
  t.same(found('/api/things/1/files/a/b%20c'), { value: 'rest', params: { id: '1', path: 'a/b c' } });
  t.equal(found('/api/others/1/files/a'), undefined);
  t.same(table.methodsOf('/api/things/1/files/a/b'), ['HEAD', 'GET']);
});
