import t from 'tap';
import { serveMetrics } from '../../../node-agent/metrics-server.ts';
import { prometheusMetrics } from '../../../seams/prometheus.ts';
import { startRig } from '../controller/http/fakes.ts';

const TOKEN = 'a token for the scraper of this test';
const scrape = (url: string, authorization?: string, method = 'GET') =>
  fetch(`${url}/metrics`, { method, headers: authorization === undefined ? {} : { authorization } });

t.test('/metrics is open to the scraper with its token and to callers with metrics:get', async (t) => {
  const rig = await startRig([], undefined, { metricsToken: TOKEN });
  t.teardown(() => rig.server.close(0));
  for (const header of [undefined, 'Bearer wrong', `Bearer ${TOKEN}x`, TOKEN, `Basic ${btoa(`x:${TOKEN}`)}`])
    t.equal((await scrape(rig.server.url, header)).status, 401, header ?? 'no token');
  const scraped = await scrape(rig.server.url, `Bearer ${TOKEN}`);
  t.equal(scraped.status, 200);
  t.match(scraped.headers.get('content-type'), /^text\/plain; .*version=0\.0\.4/);
  t.match(await scraped.text(), /^# TYPE raworc_http_request_seconds histogram$/m);
  t.equal((await scrape(rig.server.url, `Bearer ${rig.token}`)).status, 200, 'an admin');
  t.equal((await scrape(rig.server.url, `Bearer ${TOKEN}`, 'POST')).status, 405);
  t.equal((await rig.call('/spaces', { headers: { authorization: `Bearer ${TOKEN}` } })).status, 401, 'the token opens nothing else');
});

t.test('without a token file, scrapers are refused', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.server.close(0));
  t.equal((await scrape(rig.server.url, 'Bearer undefined')).status, 401);
  t.equal((await scrape(rig.server.url, 'Bearer ')).status, 401);
});

t.test('requests are counted by route pattern, never by path', async (t) => {
  const rig = await startRig([], undefined, { metricsToken: TOKEN });
  t.teardown(() => rig.server.close(0));
  for (let i = 0; i < 20; i += 1) {
    await rig.call(`/spaces/space-${i}`);
    await rig.call(`/no/such/path/${i}`);
  }
  const text = await (await scrape(rig.server.url, `Bearer ${TOKEN}`)).text();
  t.notMatch(text, /space-1|such/);
  t.match(text, /raworc_http_request_seconds_count\{method="GET",route="none",status="4xx"\} 20/);
});

t.test('gauges are read at each scrape, and counters have one series per set of labels', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  let read = 0;
  metrics.gauge({ name: 'depth', help: 'Depth', labels: ['of'], read: () => [{ labels: { of: 'queue' }, value: ++read }] });
  const dropped = metrics.counter({ name: 'dropped_total', help: 'Dropped', labels: ['kind'] });
  metrics.counter({ name: 'dropped_total', help: 'Dropped', labels: ['kind'] }).add(2, { kind: 'delta' });
  dropped.add(1, { kind: 'delta' });
  t.equal(read, 0);
  const text = await metrics.text();
  t.match(text, /raworc_depth\{of="queue"\} 1\n/);
  t.match(text, /raworc_dropped_total\{kind="delta"\} 3\n/);
});

t.test('a node agent serves only its metrics, on the loopback address', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  metrics.counter({ name: 'x_total', help: 'x' }).add();
  const server = await serveMetrics(metrics, 0);
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${server.port}`;
  t.match(await (await scrape(url)).text(), /raworc_x_total 1/);
  t.equal((await fetch(`${url}/`)).status, 404);
  t.equal((await scrape(url, undefined, 'POST')).status, 405);
  await t.rejects(serveMetrics(metrics, server.port), { code: 'EADDRINUSE' });
});
