import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSettings } from '../../../controller/settings/settings.ts';
import { FLAGS, parseFlags } from '../../../node-agent/flags.ts';
import { closest } from '../../../settings/closest.ts';
import { loadSettings } from '../../../settings/load.ts';
import { CONTROLLER_SETTINGS, knownVariables, NODE_AGENT_SETTINGS } from '../../../settings/names.ts';
import { testDirectory } from '../../test-directory.ts';

const names = CONTROLLER_SETTINGS;
const NO_FILE = '/nonexistent/controller.toml';

interface Case {
  readonly name: string;
  readonly file?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly mode?: number;
  /** Variables that result, or the error. */
  readonly want: Readonly<Record<string, string>> | RegExp;
}

const cases: readonly Case[] = [
  { name: 'nothing is set', want: {} },
  {
    name: 'texts, numbers and truth values',
    file: 'http_host = "::1"\nhttp_port = 1\nmemory_overcommit = 1.5\naudit_bus = true',
    want: {
      RAWORC_HTTP_HOST: '::1',
      RAWORC_HTTP_PORT: '1',
      RAWORC_MEMORY_OVERCOMMIT: '1.5',
      RAWORC_AUDIT_BUS: '1',
    },
  },
  {
    name: 'a large number stays exact',
    file: 'session_history_bytes = 9007199254740993',
    want: { RAWORC_SESSION_HISTORY_BYTES: '9007199254740993' },
  },
  { name: 'a list', file: 'advertise = ["a", "b"]', want: { RAWORC_ADVERTISE: 'a,b' } },
  { name: 'the environment wins', file: 'http_port = 1', env: { RAWORC_HTTP_PORT: '2' }, want: { RAWORC_HTTP_PORT: '2' } },
  { name: 'an empty variable is not set', file: 'http_port = 1', env: { RAWORC_HTTP_PORT: '' }, want: { RAWORC_HTTP_PORT: '1' } },
  {
    name: 'a secret in the environment wins over its file',
    file: 'nats_token_file = "/t"',
    env: { RAWORC_NATS_TOKEN: 'x' },
    want: { RAWORC_NATS_TOKEN: 'x' },
  },
  {
    name: 'a secret’s file in the environment wins over the secret',
    file: 'nats_token = "x"',
    mode: 0o600,
    env: { RAWORC_NATS_TOKEN_FILE: '/t' },
    want: { RAWORC_NATS_TOKEN_FILE: '/t' },
  },
  { name: 'a secret in a file that others can read', file: 'nats_token = "x"', mode: 0o640, want: /contains nats_token.*chmod 600/ },
  {
    name: 'a log level that does not exist',
    env: { RAWORC_LOG_LEVEL: 'trace' },
    want: /RAWORC_LOG_LEVEL must be info or debug, not "trace"/,
  },
  { name: 'an unknown key', file: 'htpp_port = 1', want: /no setting htpp_port\. Did you mean http_port\?/ },
  { name: 'an unknown key unlike all others', file: 'colour = "red"', want: /no setting colour\.$/ },
  { name: 'a table', file: '[http]\nport = 1', want: /no setting http/ },
  { name: 'a table in place of a value', file: '[http_port]\nport = 1', want: /http_port must be a text/ },
  { name: 'a date', file: 'http_host = 2026-01-01', want: /http_host must be a text/ },
  { name: 'a comma in a list', file: 'advertise = ["a,b"]', want: /advertise must be/ },
  { name: 'a file that is no TOML', file: 'http_port: 1', want: /controller\.toml: Invalid TOML/ },
  { name: 'an unknown variable', env: { RAWORC_HTTPPORT: '1' }, want: /no setting RAWORC_HTTPPORT\. Did you mean RAWORC_HTTP_PORT\?/ },
  {
    name: 'variables of other programs and of tests',
    env: { RAWORC_URL: 'u', RAWORC_TEST_RUN: 'x' },
    want: { RAWORC_URL: 'u', RAWORC_TEST_RUN: 'x' },
  },
  { name: 'a file that is named and missing', args: ['--config', NO_FILE], want: /cannot read the configuration file \/nonexistent/ },
  { name: 'a file that the environment names', env: { RAWORC_CONFIG: NO_FILE }, want: /cannot read/ },
  { name: '--config without a file', args: ['--config'], want: /--config needs/ },
];

for (const { name, file, env = {}, args = [], mode = 0o644, want } of cases) {
  t.test(name, async (t) => {
    const directory = testDirectory(t, file === undefined ? {} : { 'controller.toml': file });
    const defaultFile = file === undefined ? NO_FILE : join(directory, 'controller.toml');
    if (file !== undefined) chmodSync(defaultFile, mode);
    const load = () => loadSettings({ names, env, args, defaultFile });
    if (want instanceof RegExp) t.throws(load, { message: want });
    else t.same(load().env, want);
  });
}

t.test('--config is taken out of the arguments, and its file is read instead of the default', async (t) => {
  const directory = testDirectory(t, { 'a.toml': 'http_port = 1', 'b.toml': 'http_port = 2' });
  const a = join(directory, 'a.toml');
  for (const config of [['--config', join(directory, 'b.toml')], [`--config=${join(directory, 'b.toml')}`]]) {
    const loaded = loadSettings({ names, env: { RAWORC_CONFIG: a }, args: ['x', ...config, '--force'], defaultFile: a });
    t.same(loaded, { file: join(directory, 'b.toml'), env: { RAWORC_CONFIG: a, RAWORC_HTTP_PORT: '2' }, args: ['x', '--force'] });
  }
});

t.test('the file of a node agent sets flags, and flags win', async (t) => {
  const directory = testDirectory(t, { 'n.toml': 'data = "/d"\ncpu_millis = 500\nallow_cidrs = ["10.0.0.0/8"]' });
  const defaultFile = join(directory, 'n.toml');
  const { env, args } = loadSettings({ names: NODE_AGENT_SETTINGS, flags: FLAGS, env: {}, args: ['--cpu-millis', '700'], defaultFile });
  t.same(env, { RAWORC_ALLOW_CIDRS: '10.0.0.0/8' });
  t.match(parseFlags(args), { ok: true, flags: { dataDirectory: '/d', capacity: { cpuMillis: 700 } } });
});

t.test('a switch is 1 or true, 0 or false, and nothing else', async (t) => {
  for (const [value, isOn] of [
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
    ['', false],
  ] as const) {
    const env = { RAWORC_AUDIT_BUS: value, RAWORC_HTTP_ALLOW_PLAIN: value, RAWORC_SHUTDOWN_NODES: value };
    t.match(readSettings(env), { ok: true, value: { audit: { isOnBus: isOn }, shutDownNodes: isOn ? 'all' : [] } }, `"${value}"`);
    t.equal(readSettings({ ...env, RAWORC_HTTP_HOST: '0.0.0.0' }).ok, isOn, `plain HTTP: "${value}"`);
  }
  for (const name of ['RAWORC_AUDIT_BUS', 'RAWORC_HTTP_ALLOW_PLAIN'])
    t.match(readSettings({ [name]: 'yes' }), { ok: false, refusal: { message: `${name} must be 1 or 0, not "yes"` } });
});

t.test('hosts in join tokens can take a port, and origins are origins', async (t) => {
  const hosts = { RAWORC_ADVERTISE: 'controller.example.com, 10.0.0.1, ::1, [fd00::1]' };
  t.match(readSettings(hosts), { ok: true, value: { nodes: { advertise: ['controller.example.com', '10.0.0.1', '[::1]', '[fd00::1]'] } } });
  t.match(readSettings({ RAWORC_NODE_HOST: '::1' }), { ok: true, value: { nodes: { advertise: ['[::1]'] } } });
  for (const wrong of ['https://controller.example.com', 'a:9401', 'a b', '[a]'])
    t.match(
      readSettings({ RAWORC_ADVERTISE: `10.0.0.1,${wrong}` }),
      { ok: false, refusal: { message: /without ports, but contains/ } },
      wrong,
    );
  t.match(readSettings({ RAWORC_CORS_ORIGINS: '*,https://a.example,app://x' }), { ok: true });
  for (const wrong of ['a.example', 'https://a.example/', 'https://a.example/x'])
    t.match(readSettings({ RAWORC_CORS_ORIGINS: wrong }), { ok: false, refusal: { message: /origins such as .* contains/ } }, wrong);
});

t.test('a secret file that cannot be read is named with its setting', async (t) => {
  for (const name of ['RAWORC_ADMIN_PASSWORD_FILE', 'RAWORC_METRICS_TOKEN_FILE', 'RAWORC_REGISTRY_PASSWORD_FILE'])
    t.match(readSettings({ [name]: '/none', RAWORC_REGISTRY_URL: 'https://r' }), {
      ok: false,
      refusal: { message: `${name} (/none): ENOENT` },
    });
});

t.test('every variable that the controller reads is a setting', async (t) => {
  const asked = new Set<string>();
  const spy = (env: Record<string, string>) =>
    new Proxy(env, {
      get(target, name) {
        if (typeof name === 'string' && name.startsWith('RAWORC_')) asked.add(name);
        return Reflect.get(target, name);
      },
    });
  for (const env of [
    {},
    { RAWORC_AUDIT_FILE: '/a', RAWORC_NATS_URL: 'nats://n', RAWORC_REGISTRY_URL: 'https://r' },
    { RAWORC_REGISTRY_S3_BUCKET: 'images' },
  ])
    t.ok(readSettings(spy(env)).ok);
  t.ok(asked.size > 40);
  t.same(
    [...asked].filter((name) => !knownVariables.includes(name)),
    [],
  );
  t.same(
    CONTROLLER_SETTINGS.filter((name) => name !== 'LOG_LEVEL' && !asked.has(`RAWORC_${name}`)),
    [],
  );
});

t.test('docs/settings.md explains every setting and no other', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/settings.md'), 'utf8');
  const rowsOf = (heading: string) => {
    const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
    const cells = section
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((row) => row.split('|')[1] ?? '');
    return cells.flatMap((cell) => [...cell.matchAll(/`([a-z0-9_]+)`/g)].map(([, name = '']) => name.toUpperCase())).sort();
  };
  t.same(rowsOf('Controller'), [...CONTROLLER_SETTINGS].sort());
  t.same(rowsOf('Node agent'), [...NODE_AGENT_SETTINGS].sort());
});

t.test('the closest name is one with few errors', async (t) => {
  const words = ['http_port', 'http_host', 'node_port'];
  for (const [word, want] of [
    ['htpt_port', 'http_port'],
    ['http_prot', 'http_port'],
    ['httpport', 'http_port'],
    ['nodeport', 'node_port'],
    ['x', undefined],
    ['', undefined],
  ] as const)
    t.equal(closest(word, words), want, word);
});
