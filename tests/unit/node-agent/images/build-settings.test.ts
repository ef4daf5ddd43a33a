/** What the operator sets reaches the programs of builds, and what is invalid is refused at the start. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { COMPILE } from '../../../../node-agent/domain/installs/native-program.ts';
import { toolchainScript } from '../../../../node-agent/domain/installs/toolchains.ts';
import type { JobPlan } from '../../../../node-agent/engine/build-engine.ts';
import { JOB_LIMITS, jobOptions, stepInput, stepOptions } from '../../../../node-agent/engine/docker/builds/job-options.ts';
import { readBuildSettings } from '../../../../node-agent/images/build-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'raworc-settings-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const [certificates, knownHosts] = [join(directory, 'ca.pem'), join(directory, 'known_hosts')];
for (const file of [certificates, knownHosts]) writeFileSync(file, 'x');

type Environment = Readonly<Record<string, string>>;
const OWNER = { clusterId: 'c', nodeId: 'n' };
const PLAN: JobPlan = {
  ...{ buildId: 'b', space: 's', image: 'sha256:0123456789ab', command: ['x'], environment: {}, directory: '/install' },
  input: (async function* () {})(),
};
const PLAIN = ['PATH', 'LANG'];

/** What programs get: variables in Docker's options, lines for the shell of a step, and mounted files. */
function given(env: Environment) {
  const settings = readBuildSettings(env);
  const places = { limits: JOB_LIMITS, guest: '/guest', npm: '/npm', settings };
  const [job, step] = [jobOptions(OWNER, PLAN, places), stepOptions(OWNER, { ...PLAN, isStep: true }, places)];
  const files = ({ HostConfig }: typeof job) =>
    Object.fromEntries(
      (HostConfig?.Mounts ?? []).map(({ Source, Target, ReadOnly }) => [Target, `${Source}${ReadOnly ? ' (read only)' : ''}`]),
    );
  const { '/opt/raworc/guest': guest, '/opt/raworc/npm': npm, ...jobFiles } = files(job);
  t.same([guest, npm], ['/guest (read only)', '/npm (read only)']);
  const variables = (job.Env ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
  return {
    job: Object.fromEntries(variables.filter(([name]) => !PLAIN.includes(name))),
    jobFiles,
    step: stepInput(settings),
    stepFiles: files(step),
    stepVariables: step.Env ?? [],
  };
}

const CA = '/run/raworc-certificates.pem';
const TRUSTING =
  'SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS npm_config_cafile CARGO_HTTP_CAINFO';
const PROXY = 'http://proxy.example.com:3128';
const MIRROR = 'https://mirror.example.com/x/';

/** Variables of the same name reach jobs and steps. */
const VARIABLES: readonly (readonly [what: string, env: Environment, variables: Environment])[] = [
  ['nothing', {}, {}],
  ['empty settings', { RAWORC_BUILD_HTTP_PROXY: '', RAWORC_BUILD_CA_FILE: '', RAWORC_BUILD_CRATES_URL: '' }, {}],
  ['a proxy for http', { RAWORC_BUILD_HTTP_PROXY: PROXY }, { HTTP_PROXY: PROXY, http_proxy: PROXY }],
  ['a proxy for https', { RAWORC_BUILD_HTTPS_PROXY: PROXY }, { HTTPS_PROXY: PROXY, https_proxy: PROXY }],
  [
    'hosts without a proxy',
    { RAWORC_BUILD_NO_PROXY: '.example.com,10.0.0.5' },
    { NO_PROXY: '.example.com,10.0.0.5', no_proxy: '.example.com,10.0.0.5' },
  ],
  ['a mirror for pip and uv', { RAWORC_BUILD_PYPI_URL: MIRROR }, { PIP_INDEX_URL: MIRROR, UV_DEFAULT_INDEX: MIRROR }],
  [
    'one without TLS, which pip leaves out unless it trusts its host',
    { RAWORC_BUILD_PYPI_URL: 'http://10.0.0.5:8080/simple' },
    { PIP_INDEX_URL: 'http://10.0.0.5:8080/simple', UV_DEFAULT_INDEX: 'http://10.0.0.5:8080/simple', PIP_TRUSTED_HOST: '10.0.0.5:8080' },
  ],
  ['a mirror for npm', { RAWORC_BUILD_NPM_URL: MIRROR }, { npm_config_registry: MIRROR }],
  ['a mirror for crates', { RAWORC_BUILD_CRATES_URL: `sparse+${MIRROR}` }, { RAWORC_CRATES_URL: `sparse+${MIRROR}` }],
  ['a mirror for Go', { RAWORC_BUILD_GO_URL: MIRROR }, { GOPROXY: MIRROR }],
  ['a mirror for apt', { RAWORC_BUILD_APT_URL: MIRROR }, { RAWORC_APT_URL: MIRROR }],
];

t.test('proxies and mirrors become variables of installers and of steps of Dockerfiles', async (t) => {
  for (const [what, env, variables] of VARIABLES) {
    const { job, jobFiles, step, stepFiles, stepVariables } = given(env);
    t.strictSame(job, variables, what);
    const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
    t.same(new Set(step.split('\n').filter(Boolean)), new Set(lines), `${what}, in a step`);
    t.strictSame(stepVariables, [], 'steps have none in their options, which images keep');
    t.strictSame({ ...jobFiles, ...stepFiles }, {}, 'and no file is mounted');
  }
});

t.test("the operator's certificates are a file that all programs trust, and host keys a file for git only", async (t) => {
  const env = { RAWORC_BUILD_CA_FILE: certificates, RAWORC_BUILD_KNOWN_HOSTS_FILE: knownHosts };
  const { job, jobFiles, step, stepFiles } = given(env);
  t.strictSame(job, { RAWORC_CERTIFICATES: CA, RAWORC_KNOWN_HOSTS: '/run/raworc-known-hosts' });
  t.strictSame(jobFiles, { [CA]: `${certificates} (read only)`, '/run/raworc-known-hosts': `${knownHosts} (read only)` });
  t.strictSame(
    step,
    TRUSTING.split(' ')
      .map((name) => `export ${name}='${CA}'\n`)
      .join(''),
  );
  t.strictSame(stepFiles, { [CA]: `${certificates} (read only)` });
  t.strictSame(given({ RAWORC_BUILD_KNOWN_HOSTS_FILE: knownHosts }).stepFiles, {});
});

t.test('cargo reads the mirror from its configuration, and nothing without one', async (t) => {
  const cargo =
    '#!/bin/sh\ncat "$CARGO_HOME/config.toml" > config 2>/dev/null\nmkdir -p .cache/target/release && cp "$0" .cache/target/release/x\n';
  const programs = join(directory, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'cargo'), cargo, { mode: 0o755 });
  for (const env of [{ RAWORC_BUILD_CRATES_URL: `sparse+${MIRROR}` }, {}]) {
    const cwd = mkdtempSync(join(directory, 'crate-'));
    execFileSync('sh', ['-ec', COMPILE.cargo], {
      cwd,
      env: { ...readBuildSettings(env).environment, PATH: `${programs}:${process.env.PATH}` },
    });
    const config = '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+https://mirror.example.com/x/"\n';
    t.equal(readFileSync(join(cwd, 'config'), 'utf8'), 'RAWORC_BUILD_CRATES_URL' in env ? config : '');
  }
});

t.test('apt reads the mirror and the certificates from its configuration', async (t) => {
  const programs = join(directory, 'apt');
  mkdirSync(programs);
  // At its first use, `update`, its files are complete.
  const apt = '#!/bin/sh\ncp "$APT_CONFIG" apt.conf\ncp .cache/sources.list . 2>/dev/null\nexit 9\n';
  for (const name of ['apt-get', 'dpkg-deb']) writeFileSync(join(programs, name), apt, { mode: 0o755 });
  const configured = (settings: Environment) => {
    const cwd = mkdtempSync(join(directory, 'toolchain-'));
    const env = { ...given(settings).job, PATH: `${programs}:${process.env.PATH}` };
    const script = toolchainScript('git').replace(/^if command -v .*exit 0; fi$/m, '');
    t.equal(spawnSync('sh', ['-c', script], { cwd, env }).status, 9);
    const sources = join(cwd, 'sources.list');
    return { config: readFileSync(join(cwd, 'apt.conf'), 'utf8'), sources: existsSync(sources) ? readFileSync(sources, 'utf8') : '' };
  };
  const { config, sources } = configured({ RAWORC_BUILD_APT_URL: MIRROR, RAWORC_BUILD_CA_FILE: certificates });
  t.match(sources, /^deb https:\/\/mirror\.example\.com\/x\/ \w+ main/);
  t.match(config, `Acquire::https::CaInfo "${CA}";`);
  t.match(config, /Dir::Etc::SourceList ".*\/\.cache\/sources\.list";\nDir::Etc::SourceParts "\/nowhere";/);
  const plain = configured({});
  t.equal(plain.sources, '');
  t.notMatch(plain.config, /SourceList/);
});

t.test('a value in a step ends at its quotes', async (t) => {
  t.equal(stepInput({ environment: { A: "it's; true" }, certificates: undefined }), `export A='it'\\''s; true'\n`);
});

t.test('which Dockerfiles and base images builds take', async (t) => {
  const taken = (env: Environment) => {
    const { dockerfiles, baseImages } = readBuildSettings(env);
    return { dockerfiles, baseImages };
  };
  t.strictSame(taken({}), { dockerfiles: false, baseImages: [] });
  t.strictSame(taken({ RAWORC_BUILD_DOCKERFILES: '1' }).dockerfiles, true);
  t.strictSame(taken({ RAWORC_BUILD_DOCKERFILES: 'true', RAWORC_BUILD_BASE_IMAGES: 'debian:12-slim, registry.example.com/team/*,' }), {
    dockerfiles: true,
    baseImages: ['debian:12-slim', 'registry.example.com/team/*'],
  });
});

t.test('what is invalid is refused, by its name', async (t) => {
  const refused: readonly (readonly [env: Environment, message: RegExp])[] = [
    ...['HTTP_PROXY', 'HTTPS_PROXY', 'PYPI_URL', 'NPM_URL', 'APT_URL', 'GO_URL'].flatMap((name) =>
      ['proxy.example.com:3128', 'http://', 'ftp://example.com/'].map(
        (value) =>
          [{ [`RAWORC_BUILD_${name}`]: value }, new RegExp(`^RAWORC_BUILD_${name} must be a URL such as .*, not "${value}"$`)] as const,
      ),
    ),
    [{ RAWORC_BUILD_CRATES_URL: 'https://x/"\n[source]' }, /^RAWORC_BUILD_CRATES_URL must be a URL such as sparse\+https/],
    [{ RAWORC_BUILD_CA_FILE: 'ca.pem' }, /^RAWORC_BUILD_CA_FILE must be the absolute path of a file, not "ca\.pem"$/],
    [{ RAWORC_BUILD_CA_FILE: join(directory, 'nowhere') }, /^RAWORC_BUILD_CA_FILE names .*nowhere, which cannot be read$/],
    [
      { RAWORC_BUILD_KNOWN_HOSTS_FILE: join(directory, 'nowhere') },
      /^RAWORC_BUILD_KNOWN_HOSTS_FILE names .*nowhere, which cannot be read$/,
    ],
    [{ RAWORC_BUILD_DOCKERFILES: 'yes' }, /^RAWORC_BUILD_DOCKERFILES must be true or false, not "yes"$/],
    [{ RAWORC_BUILD_BASE_IMAGES: 'a b' }, /^RAWORC_BUILD_BASE_IMAGES must be names of images .*, not "a b"$/],
  ];
  for (const [env, message] of refused) t.throws(() => readBuildSettings(env), { message }, JSON.stringify(env));
});
