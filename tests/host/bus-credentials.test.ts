import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nkeys } from 'nats';
import t, { type Test } from 'tap';
import type { Bus } from '../../controller/bus/bus.ts';
import { openBus } from '../../controller/bus/open-bus.ts';
import { readNatsSettings } from '../../controller/settings/nats-settings.ts';
import type { Log, LogFields } from '../../seams/log.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock } from '../../seams/system.ts';
import { testDirectory } from '../test-directory.ts';
import { filesIn, privateCa, writePair } from '../unit/controller/http/certificates.ts';
import { freePort, kill, startServer, whenState } from './nats-server.ts';

const SECRET = 'p@ss/word: "4"';

/** A nats-server with this configuration. */
async function server(t: Test, config: string) {
  const directory = testDirectory(t, {});
  const port = await freePort();
  const file = join(directory, 'nats.conf');
  await writeFile(file, config);
  const process = await startServer(port, '-c', file);
  t.teardown(() => kill(process));
  return { directory, port, host: `127.0.0.1:${port}` };
}

/** A bus as the settings describe it, and the lines that it logged. */
function opened(t: Test, env: Record<string, string>) {
  const lines: string[] = [];
  const next = new Set<(line: string) => void>();
  const write = (event: string, fields?: LogFields) => {
    const line = `${event} ${JSON.stringify(fields)}`;
    lines.push(line);
    for (const heard of next) heard(line);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const metrics = prometheusMetrics({ processMetrics: false });
  const bus = openBus(readNatsSettings(env), { clock: systemClock, log, metrics });
  t.teardown(() => bus.close());
  const until = (wanted: RegExp): Promise<void> =>
    new Promise((resolve) => {
      if (lines.some((line) => wanted.test(line))) return resolve();
      next.add((line) => wanted.test(line) && resolve());
    });
  return { bus, lines, until, metrics };
}

async function works(t: Test, bus: Bus, message: string) {
  await whenState(bus, true);
  t.ok(bus.publish('a', new Uint8Array(1)) && (await bus.flush()), message);
  t.notOk(bus.areCredentialsRefused);
}

t.test('user and password, from the URL or a file; wrong ones are refused until the file is right', async (t) => {
  const { directory, host } = await server(t, `authorization { users: [{ user: raworc, password: ${JSON.stringify(SECRET)} }] }`);
  await works(t, opened(t, { RAWORC_NATS_URL: `nats://raworc:${encodeURIComponent(SECRET)}@${host}` }).bus, 'in the URL');

  const file = join(directory, 'password');
  await writeFile(file, 'an old secret\n');
  const env = { RAWORC_NATS_URL: `nats://${host}`, RAWORC_NATS_USER: 'raworc', RAWORC_NATS_PASSWORD_FILE: file };
  const { bus, lines, until, metrics } = opened(t, env);
  await until(/bus\.credentials_refused .*RAWORC_NATS_PASSWORD_FILE/);
  t.ok(bus.areCredentialsRefused);
  t.notOk(bus.publish('a', new Uint8Array(1)), 'refused, as without a server');
  t.match(await metrics.text(), /raworc_bus_connected 0[\s\S]*raworc_bus_connects_failed_total\{cause="credentials"\} [1-9]/);
  await writeFile(file, `${SECRET}\n`);
  await works(t, bus, 'without a restart');
  t.equal(lines.filter((line) => line.startsWith('bus.credentials_refused')).length, 1, 'said once');
  t.notMatch(lines.join('\n'), /p@ss|an old secret/);

  const stranger = opened(t, { RAWORC_NATS_URL: `nats://${host}` });
  await stranger.until(/credentials_refused .*without credentials/);
});

t.test('a token, and the key of a user', async (t) => {
  const token = await server(t, `authorization { token: ${JSON.stringify(SECRET)} }`);
  const file = join(token.directory, 'token');
  await writeFile(file, SECRET);
  await works(t, opened(t, { RAWORC_NATS_URL: `nats://${token.host}`, RAWORC_NATS_TOKEN_FILE: file }).bus, 'a token');

  const user = nkeys.createUser();
  const { directory, host } = await server(t, `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`);
  const seed = join(directory, 'seed');
  const env = { RAWORC_NATS_URL: `nats://${host}`, RAWORC_NATS_NKEY_FILE: seed };
  await writeFile(seed, nkeys.createUser().getSeed());
  const { bus, until } = opened(t, env);
  await until(/credentials_refused .*RAWORC_NATS_NKEY_FILE/);
  await writeFile(seed, user.getSeed());
  await works(t, bus, 'a key');
  await rm(seed);
  const missing = opened(t, env);
  await missing.until(/bus\.unreachable .*ENOENT.*seed/);
});

t.test('TLS: with the right CA only, and never without TLS once it is asked for', async (t) => {
  const ca = await privateCa();
  const directory = testDirectory(t, { tls: {} });
  const files = filesIn(join(directory, 'tls'));
  const trusted = join(directory, 'ca.pem');
  const other = join(directory, 'other.pem');
  await writePair(files, await ca.issue());
  await writeFile(trusted, ca.pem);
  await writeFile(other, (await privateCa('Another')).pem);
  const port = await freePort();
  const secure = await startServer(
    port,
    '--tls',
    '--tlscert',
    files.certFile,
    '--tlskey',
    files.keyFile,
    '--user',
    'raworc',
    '--pass',
    'x',
  );
  t.teardown(() => kill(secure));
  const url = `tls://raworc:x@127.0.0.1:${port}`;
  await works(t, opened(t, { RAWORC_NATS_URL: url, RAWORC_NATS_CA_FILE: trusted }).bus, 'with its CA');
  for (const env of [{ RAWORC_NATS_URL: url }, { RAWORC_NATS_URL: url, RAWORC_NATS_CA_FILE: other }]) {
    const { bus, until } = opened(t, env);
    await until(/bus\.unreachable .*certificate/);
    t.notOk(bus.connected || bus.areCredentialsRefused);
  }
  const plainPort = await freePort();
  const plain = await startServer(plainPort, '--user', 'raworc', '--pass', 'x');
  t.teardown(() => kill(plain));
  const env = { RAWORC_NATS_URL: `nats://raworc:x@127.0.0.1:${plainPort}`, RAWORC_NATS_CA_FILE: trusted };
  const { bus, until } = opened(t, env);
  await until(/bus\.unreachable .*tls/);
  t.notOk(bus.connected, 'a server without TLS');
});
