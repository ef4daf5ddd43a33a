import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { testDirectory } from '../test-directory.ts';
import { filesIn, privateCa, writePair } from '../unit/controller/http/certificates.ts';

const PROGRAM = fileURLToPath(new URL('../../controller/raworc-controller.mjs', import.meta.url));
t.setTimeout(120_000);
const ca = await privateCa();

/** A controller in a process of its own, with free ports. */
function serve(t: Test, env: Record<string, string>) {
  const own = { RAWORC_HTTP_PORT: '0', RAWORC_NODE_PORT: '0', RAWORC_JOIN_PORT: '0', RAWORC_REGISTRY: 'off', RAWORC_NATS_URL: '' };
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: { ...START_ENVIRONMENT, ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const seen: string[] = [];
  const until = async (event: string): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`no ${event} in:\n${seen.join('\n')}`);
      seen.push(value);
      if (value.includes(`"${event}"`)) return value;
    }
  };
  return { child, exited, until, seen };
}

t.test('plain HTTP beyond this machine is refused with what to do, and served with a warning when asked for', async (t) => {
  const directory = testDirectory(t, {});
  const env = { RAWORC_DATA_DIR: directory, RAWORC_HTTP_HOST: '0.0.0.0' };
  const refused = serve(t, env);
  t.match(await refused.until('controller.bad_settings'), /0\.0\.0\.0 without TLS.*RAWORC_TLS_CERT_FILE.*RAWORC_HTTP_ALLOW_PLAIN=1/);
  t.same((await refused.exited)[0], 2);
  const allowed = serve(t, { ...env, RAWORC_HTTP_ALLOW_PLAIN: '1' });
  await allowed.until('http.plain');
  await allowed.until('controller.ready');
});

t.test('SIGHUP reads the certificate again, and never ends the process', async (t) => {
  const directory = testDirectory(t, { tls: {}, data: {} });
  const files = filesIn(`${directory}/tls`);
  await writePair(files, await ca.issue());
  const { child, exited, until, seen } = serve(t, {
    RAWORC_DATA_DIR: `${directory}/data`,
    RAWORC_HTTP_HOST: '0.0.0.0',
    RAWORC_TLS_CERT_FILE: files.certFile,
    RAWORC_TLS_KEY_FILE: files.keyFile,
  });
  t.match(await until('controller.ready'), /https:\/\/0\.0\.0\.0/);
  t.notMatch(seen.join('\n'), /http\.plain/);
  const next = await ca.issue();
  await writePair(files, next);
  child.kill('SIGHUP');
  await until('http.certificate_replaced');
  await writePair(files, { key: (await ca.issue()).key });
  child.kill('SIGHUP');
  t.match(await until('http.certificate_refused'), /does not belong to the certificate/);
  child.kill('SIGTERM');
  await until('controller.stopped');
  t.same((await exited)[0], 0);
});
