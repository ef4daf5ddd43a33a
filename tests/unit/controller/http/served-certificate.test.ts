import { rm, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { ServedCertificate } from '../../../../controller/http/tls/served-certificate.ts';
import type { Log, LogFields } from '../../../../seams/log.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import { testDirectory } from '../../../test-directory.ts';
import { filesIn, privateCa, writePair } from './certificates.ts';
import { TestClock } from './fakes.ts';

const DAY_MS = 86_400_000;
const ca = await privateCa();

async function opened(t: Test, life: Parameters<typeof ca.issue>[0] = {}) {
  const files = filesIn(testDirectory(t, {}));
  const first = await ca.issue(life);
  await writePair(files, first);
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  const write = (event: string, fields?: LogFields) => void logged.push({ event, fields });
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const clock = new TestClock();
  const metrics = prometheusMetrics({ processMetrics: false });
  const served = await ServedCertificate.open({ files, clock, log, metrics });
  const used: string[] = [];
  served.onReplaced(({ cert }) => used.push(cert));
  const metric = async (name: string) => {
    const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`raworc_${name} `));
    return line?.split(' ')[1] ?? 'none';
  };
  return { files, first, served, clock, used, metric, events: () => logged.splice(0) };
}

t.test('a new pair is used; between its two files the old one stays, without an alarm', async (t) => {
  const { files, served, used, metric, events } = await opened(t);
  const next = await ca.issue();
  await writePair(files, { cert: next.cert });
  t.equal(await served.look(), 1000, 'it looks again soon');
  t.same([used, events(), served.isFaulty], [[], [], false]);
  await writePair(files, { key: next.key });
  t.equal(await served.look(), 10_000);
  t.same(used, [next.cert]);
  t.match(events(), [{ event: 'http.certificate_replaced' }]);
  await served.look();
  t.equal(used.length, 1, 'the same pair is not used again');
  t.equal(await metric('http_certificate_loads_total{outcome="used"}'), '1');
});

t.test('a pair that cannot be used leaves the old one in place, and says so until it is right', async (t) => {
  const { files, first, served, used, metric, events } = await opened(t);
  const other = await ca.issue();
  const late = await ca.issue({ fromMs: Date.now() - 2 * DAY_MS, untilMs: Date.now() - DAY_MS });
  const early = await ca.issue({ fromMs: Date.now() + DAY_MS });
  const cases: (readonly [() => Promise<void>, RegExp])[] = [
    [() => writePair(files, { cert: other.cert, key: first.key }), /key in .*key\.pem does not belong to the certificate in .*cert\.pem/],
    [() => writePair(files, late), /expired at/],
    [() => writePair(files, early), /valid only from/],
    [() => writeFile(files.certFile, 'nothing'), /cert\.pem contains no certificate/],
    [() => writePair(files, { cert: other.cert, key: 'nothing' }), /key\.pem contains no private key/],
    [() => rm(files.keyFile), /ENOENT.*key\.pem/],
  ];
  for (const [change, reason] of cases) {
    await change();
    await served.look();
    await served.look();
    await served.look();
    const found = events();
    t.match(found, [{ event: 'http.certificate_refused', fields: { error: reason } }], String(reason));
    t.equal(found.length, 1, 'once');
    t.notMatch(JSON.stringify(found), /PRIVATE KEY/);
    t.ok(served.isFaulty);
    t.equal(await metric('http_certificate_refused'), '1');
  }
  t.same(used, []);
  await writePair(files, other);
  await served.look();
  t.same(used, [other.cert]);
  t.notOk(served.isFaulty);
  t.equal(await metric('http_certificate_refused'), '0');
});

t.test('asked to, it reports a bad pair at once, and each time', async (t) => {
  const { files, served, events } = await opened(t);
  await writePair(files, { cert: (await ca.issue()).cert });
  for (let time = 0; time < 2; time += 1) {
    served.reload();
    await served.look();
    t.match(events(), [{ event: 'http.certificate_refused' }]);
  }
});

t.test('expiry is shown, warned of once a day, and is a fault when it comes', async (t) => {
  const { served, clock, metric, events } = await opened(t, { untilMs: Date.now() + 20 * DAY_MS });
  await served.look();
  t.same(events(), [], 'more than a third of its life is left');
  t.match(await metric('http_certificate_left_seconds'), /^17279\d\d/);
  clock.forward(14 * DAY_MS);
  await served.look();
  await served.look();
  t.match(events(), [{ event: 'http.certificate_expires', fields: { days_left: 5 } }]);
  clock.forward(DAY_MS);
  await served.look();
  t.match(events(), [{ event: 'http.certificate_expires', fields: { days_left: 4 } }]);
  t.notOk(served.isFaulty);
  clock.forward(5 * DAY_MS);
  await served.look();
  t.match(events(), [{ event: 'http.certificate_expired' }]);
  t.ok(served.isFaulty);
  t.match(await metric('http_certificate_left_seconds'), /^-/);
});

t.test('a start refuses a pair that does not match, and uses an expired one', async (t) => {
  const past = { fromMs: Date.now() - 2 * DAY_MS, untilMs: Date.now() - DAY_MS };
  t.match((await opened(t, past)).events(), [{ event: 'http.certificate_expired' }]);
  const files = filesIn(testDirectory(t, {}));
  await writePair(files, { cert: (await ca.issue()).cert, key: (await ca.issue()).key });
  const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
  const metrics = prometheusMetrics({ processMetrics: false });
  await t.rejects(ServedCertificate.open({ files, clock: new TestClock(), log, metrics }), /does not belong/);
});
