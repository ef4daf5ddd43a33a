import { nkeys } from 'nats';
import t from 'tap';
import { authenticatorOf, isExposed } from '../../../controller/bus/nats-access.ts';
import { readNatsSettings } from '../../../controller/settings/nats-settings.ts';
import { testDirectory } from '../../test-directory.ts';

const url = 'nats://nats.example:4222';
const read = (env: Record<string, string>) => readNatsSettings({ RAWORC_NATS_URL: url, ...env });

t.test('credentials come from the URL, a variable or a file, and never stay in the address', async (t) => {
  t.equal(readNatsSettings({}), undefined);
  t.match(read({}), { server: 'nats.example:4222', tls: undefined, credentials: { kind: 'none' } });
  const password = { kind: 'password', user: 'ra', password: { kind: 'text', value: 'p@ss' } };
  t.match(read({ RAWORC_NATS_URL: 'tls://ra:p%40ss@nats.example:4222' }), { server: 'nats.example:4222', tls: {}, credentials: password });
  t.match(read({ RAWORC_NATS_USER: 'ra', RAWORC_NATS_PASSWORD: 'p@ss' }), { credentials: password });
  t.match(read({ RAWORC_NATS_URL: 'nats://tok@nats.example' }), { credentials: { kind: 'token', token: { value: 'tok' } } });
  t.match(read({ RAWORC_NATS_TOKEN_FILE: '/t' }), { credentials: { kind: 'token', token: { kind: 'file', path: '/t' } } });
  t.match(read({ RAWORC_NATS_CREDS_FILE: '/c' }), { credentials: { kind: 'creds', path: '/c' } });
  t.match(read({ RAWORC_NATS_CA_FILE: '/ca' }), { tls: { caFile: '/ca' } }, 'a CA demands TLS');
});

t.test('what is invalid, incomplete or ambiguous is refused without repeating a secret', async (t) => {
  for (const [env, problem] of [
    [{ RAWORC_NATS_URL: 'hunter2' }, /invalid.*nats:\/\//],
    [{ RAWORC_NATS_URL: 'http://user:hunter2@host:4222' }, /must begin with nats:\/\//],
    [{ RAWORC_NATS_USER: 'ra' }, /RAWORC_NATS_PASSWORD_FILE/],
    [{ RAWORC_NATS_PASSWORD: 'hunter2' }, /RAWORC_NATS_USER/],
    [{ RAWORC_NATS_URL: 'nats://a:hunter2@h', RAWORC_NATS_TOKEN: 'hunter2' }, /only one kind/],
    [{ RAWORC_NATS_CREDS_FILE: '/c', RAWORC_NATS_NKEY_FILE: '/n' }, /only one kind/],
    [{ RAWORC_NATS_CERT_FILE: '/c' }, /RAWORC_NATS_KEY_FILE/],
  ] as const) {
    t.throws(() => read(env), { message: problem });
    t.throws(() => read(env), { message: /^(?!.*hunter2)/ });
  }
});

t.test('a .creds file proves its key by a signature', async (t) => {
  const user = nkeys.createUser();
  const [jwt, seed] = ['eyJ0.eyJq.sig', new TextDecoder().decode(user.getSeed())];
  const mark = (what: string, text: string) => `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n\n`;
  const directory = testDirectory(t, { 'a.creds': mark('NATS USER JWT', jwt) + mark('USER NKEY SEED', seed) });
  const sent = authenticatorOf({ kind: 'creds', path: `${directory}/a.creds` })?.('a nonce');
  t.match(sent, { jwt, nkey: user.getPublicKey() });
  t.notMatch(JSON.stringify(sent), seed);
});

t.test('a secret that crosses a network without TLS is noticed', async (t) => {
  const exposed = (env: Record<string, string>) => {
    const access = read(env);
    return access !== undefined && isExposed(access);
  };
  t.ok(exposed({ RAWORC_NATS_TOKEN: 'x' }));
  t.notOk(exposed({}));
  t.notOk(exposed({ RAWORC_NATS_TOKEN: 'x', RAWORC_NATS_CA_FILE: '/ca' }));
  t.notOk(exposed({ RAWORC_NATS_NKEY_FILE: '/n' }));
  for (const here of ['nats://x@127.0.0.1:4222', 'nats://x@localhost', 'nats://x@[::1]:4222']) t.notOk(exposed({ RAWORC_NATS_URL: here }));
});
