import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bareTools, installInto, PROGRAMS, pack, run, version } from '../cluster/packed-product.ts';
import { freePorts } from '../cluster/ports.ts';
import { Child } from '../cluster/processes.ts';

/** Each Node.js with an npm that operators have beside it. Debian 12 has Node.js 18 and npm 9.2. */
const SUPPORTED = [
  { node: '18', npm: '9.2.0' },
  { node: '20', npm: '10' },
  { node: '22', npm: '10' },
  { node: '24', npm: '11' },
];
/** From before dynamic imports, top-level await, and the oldest that could start the launcher. */
const TOO_OLD = ['10', '12', '16'];

const directory = mkdtempSync(join(tmpdir(), 'raworc-node-versions-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
t.setTimeout(1_500_000);

/** Installs one package, without scripts, into a folder of its own. Returns that of its files. */
async function fetched(name: string, wanted: string): Promise<string> {
  const folder = join(directory, 'fetched', `${name}-${wanted}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['i', ...flags, `${name}@${wanted}`], { cwd: folder });
  return join(folder, 'node_modules', name);
}

const nodeOf = async (wanted: string) => join(await fetched(`node-linux-${process.arch}`, wanted), 'bin', 'node');

let tarball = '';
t.before(async () => {
  tarball = await pack(directory);
});

for (const { node, npm } of SUPPORTED)
  t.test(`Node.js ${node} with npm ${npm} installs the package and starts its programs`, async (t) => {
    const place = join(directory, `node-${node}`);
    const cli = join(await fetched('npm', npm), 'bin', 'npm-cli.js');
    const tools = bareTools(join(place, 'tools'), await nodeOf(node), cli);
    const { bin } = await installInto(join(place, 'prefix'), tarball, tools);
    const env = { PATH: tools, HOME: place };
    // The harness starts it with programs of this machine.
    const path = `${tools}:${process.env.PATH}`;
    for (const program of PROGRAMS) {
      t.equal((await run(bin(program), ['--version'], { env })).stdout, `${version}\n`, program);
      t.match((await run(bin(program), ['--help'], { env })).stdout, /^Usage: raworc[\s\S]*Exit codes: 0 /);
      await t.rejects(run(bin(program), ['no-such-command'], { env }), { code: 2, stderr: /no-such-command/ });
    }
    const [http = 0, nodes = 0, joins = 0] = await freePorts(3);
    const ports = { RAWORC_HTTP_PORT: String(http), RAWORC_NODE_PORT: String(nodes), RAWORC_JOIN_PORT: String(joins) };
    const settings = { RAWORC_DATA_DIR: place, RAWORC_REGISTRY: 'off', ...ports };
    const controller = new Child('controller', bin('raworc-controller'), ['serve'], { PATH: path, ...settings }, place);
    t.teardown(() => controller.end('SIGKILL'));
    await controller.untilEvent('controller.ready');
    const shell = { ...env, RAWORC_URL: `http://127.0.0.1:${http}` };
    await run(bin('raworc'), ['login', '--password-file', join(place, 'controller', 'admin-password')], { env: shell });
    t.match((await run(bin('raworc'), ['node', 'token'], { env: shell })).stdout, /^raworc-node-agent join --token rwn_/);
    const doctor = await run(bin('raworc-node-agent'), ['doctor', '--data', join(place, 'node')], { env }).catch((error) => error);
    t.match(doctor.stdout, /✓ guest +complete/);
    t.equal(await controller.end('SIGTERM'), 'code 0', 'the signal reaches the program');
    rmSync(place, { recursive: true, force: true });
  });

t.test('a Node.js that is too old says so in one line', async (t) => {
  const tools = bareTools(join(directory, 'old', 'tools'));
  const { bin } = await installInto(join(directory, 'old', 'prefix'), tarball, tools);
  for (const wanted of TOO_OLD) {
    const node = await nodeOf(wanted);
    for (const program of PROGRAMS)
      await t.rejects(run(node, [bin(program), '--version'], {}), {
        code: 1,
        stdout: '',
        stderr: new RegExp(`^${program}: Node.js ${wanted}\\..* is too old to start it. Install Node.js 18 or newer.*\n$`),
      });
  }
});
