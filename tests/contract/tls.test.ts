import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { testDirectory } from '../test-directory.ts';
import { filesIn, privateCa, writePair } from '../unit/controller/http/certificates.ts';
import { openTarget } from './target.ts';

const RAWORC = fileURLToPath(new URL('../../cli/raworc.mjs', import.meta.url));
t.setTimeout(120_000);
const ca = await privateCa();

/** A controller with a certificate of a private CA, which this process trusts. */
async function secureTarget(t: Test) {
  const directory = testDirectory(t, {});
  const files = filesIn(directory);
  await writePair(files, await ca.issue());
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, ca.pem);
  setDefaultCACertificates([ca.pem]);
  return { target: await openTarget(t, { tls: files }), files, directory, caFile };
}

/** The command line in a process and a home of its own. */
function cli(home: string, env: Record<string, string> = {}) {
  return async (args: readonly string[], input = '') => {
    const own = { ...START_ENVIRONMENT, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, ...env };
    const child = spawn(process.execPath, [RAWORC, ...args], { env: own });
    child.stdin.end(input);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    return { code: child.exitCode, out, err };
  };
}

t.test('the command line works with a private CA, and with no other', async (t) => {
  const { target, directory, caFile } = await secureTarget(t);
  if (target.own === undefined) return void t.pass('the target is elsewhere');
  const { url, password } = target;
  t.match(url, /^https:/);
  const raworc = cli(directory);
  const login = ['login', '--url', url, '--password-file', '-'];
  t.match(await raworc(login, password), { code: 3, err: /certificate of https:.* was refused: its CA is not trusted .*--ca FILE/ });

  const stranger = join(directory, 'other.pem');
  await writeFile(stranger, (await privateCa('Another')).pem);
  t.match(await raworc([...login, '--ca', stranger], password), { code: 3, err: /its CA is not trusted/ });
  await writeFile(stranger, 'nothing');
  t.match(await raworc([...login, '--ca', stranger], password), { code: 1, err: /contains no certificate/ });

  const good = await raworc([...login, '--ca', caFile], password);
  t.match(good, { code: 0, err: '' }, 'without a warning');
  t.notMatch(good.out + good.err, password);
  t.match(await raworc(['whoami']), { code: 0, out: /admin everywhere/ }, 'the CA is part of the login');
  const session = await raworc(['session', 'new', '--name', 'secure']);
  t.equal(session.code, 0, session.err);
  t.match(await raworc(['chat', 'secure', '--agent', 'none', 'x']), { code: 1 }, 'streams, too');
  t.match(await raworc(['session', 'rm', 'secure']), { code: 0 });

  const other = cli(join(directory, 'another-home'), { RAWORC_CA_FILE: caFile, RAWORC_URL: url });
  t.match(await other(['login', '--password-file', '-'], password), { code: 0 });
  t.match(await other(['node', 'list']), { code: 0, out: /hollow/ });

  const plain = url.replace('https:', 'http:');
  t.match(await raworc(['login', '--url', plain, '--password-file', '-'], password), { code: 3, err: /begins with https/ });
  const wrong = await raworc([...login.with(2, plain), '--ca', caFile], password);
  t.match(wrong, { code: 2, err: /--ca is for a server with TLS/ });
});

t.test('a renewed certificate is served without a restart, and a bad pair is not', async (t) => {
  const { target, files } = await secureTarget(t);
  const { own, rest } = target;
  if (own === undefined) return void t.pass('the target is elsewhere');
  const { port } = new URL(target.url);
  const presented = async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca: ca.pem });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber.toLowerCase();
  };
  const degraded = async () => {
    const health = await (await fetch(`${target.url}/api/v0/health`)).text();
    return health.includes('"certificate":1');
  };
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo()));
  };
  const stream = await rest.watch('/events');
  t.teardown(async () => stream.close());
  const first = await presented();
  const next = await ca.issue();
  await writePair(files, next);
  own.reloadCertificate();
  await until(async () => (await presented()) === next.serial);
  t.not(first, next.serial);

  await writePair(files, { cert: (await ca.issue()).cert });
  t.notOk(await degraded());
  own.reloadCertificate();
  await until(degraded);
  t.equal(await presented(), next.serial, 'the old pair serves');
  const last = await ca.issue();
  await writePair(files, last);
  own.reloadCertificate();
  await until(async () => (await presented()) === last.serial);
  t.notOk(await degraded());

  const created = await rest.call('POST', '/sessions', { space: 'default', name: `after-${last.serial}` });
  t.equal(created.status, 201);
  await stream.until('an event on the stream that was opened first', ({ type }) => type === 'session.created');
});
