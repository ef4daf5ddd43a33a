/** Both daemons by the start lines of their units, under a supervisor as systemd is one. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { controllerUnit } from '../../controller/service/unit.ts';
import { nodeAgentUnit } from '../../node-agent/service/unit.ts';
import { adopt, startOf, versionOf } from '../../systemd/upgrade/versions.ts';
import { testDirectory } from '../test-directory.ts';
import { deploy, writeAgent } from './agents.ts';
import { sessionImage } from './docker.ts';
import { startCluster } from './harness.ts';
import { freePorts } from './ports.ts';
import { addVersion, SILENT, upgrade } from './supervised-versions.ts';
import { Supervisor } from './supervisor.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

function supervise(t: Test, unit: string, env: Readonly<Record<string, string>>): Supervisor {
  const service = new Supervisor(unit.replace('WatchdogSec=30', 'WatchdogSec=9'), env);
  t.teardown(async () => {
    if (!t.passing()) t.comment(service.lines.slice(-40).join('\n'));
    await service.close();
  });
  return service;
}

t.setTimeout(240_000);
t.test('the controller is restarted when it dies or hangs, and a version that does not start is switched back', async (t) => {
  const root = join(testDirectory(t, { root: {} }), 'root');
  const own = await adopt('controller', process.execPath, join(PROJECT, 'controller/main.ts'), root);
  const [http = 0, node = 0, join_ = 0] = await freePorts(3);
  const dataDirectory = join(root, 'data');
  const unit = controllerUnit({ ...startOf('controller', root), args: [], dataDirectory, writes: [], secrets: {} });
  const service = supervise(t, unit, {
    RAWORC_DATA_DIR: dataDirectory,
    RAWORC_HTTP_PORT: String(http),
    RAWORC_NODE_PORT: String(node),
    RAWORC_JOIN_PORT: String(join_),
    RAWORC_REGISTRY: 'off',
    RAWORC_BASE_IMAGE_TAG: await sessionImage(),
  });
  const health = () => fetch(`http://127.0.0.1:${http}/api/v0/health`).then(({ status }) => status);
  t.ok(await service.restart());
  t.equal(await health(), 200);

  t.equal(await upgrade('controller', root, service, addVersion(root, 'broken', 'process.exit(1)')), 'reverted');
  t.equal(await upgrade('controller', root, service, addVersion(root, 'hung', 'setInterval(() => {}, 1000)'), 1000), 'reverted');
  t.equal(await versionOf('controller', root), own);
  t.equal(await health(), 200);

  process.kill(service.pid, 'SIGKILL');
  await service.restarted(1);
  t.equal(service.watchdogKills, 0, 'it keeps the watchdog alive');
  process.kill(service.pid, 'SIGSTOP');
  await service.restarted(2);
  t.equal(service.watchdogKills, 1);
  t.equal(await health(), 200);
});

t.test('sessions answer while the node agent changes versions, and one that reaches no controller is switched back', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { rest } = cluster;
  const joined = cluster.node('node-1');
  const agent = 'def process_message(message, context):\n    return "answered " + message\n';
  await deploy(rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), { 'main.py': agent }));
  const { id } = await rest.createSession();
  const answers = async (message: string) => t.equal((await rest.say(id, message)).reply.content, `answered ${message}`);
  await joined.kill('SIGTERM');

  const root = join(testDirectory(t, { root: {} }), 'root');
  const own = await adopt('node-agent', process.execPath, join(PROJECT, 'node-agent/main.ts'), root);
  const args = [`--data=${joined.dataDirectory}`, '--name=node-1', `--run-dir=${joined.runDirectory}`, '--memory-bytes=1073741824'];
  const { node, program } = startOf('node-agent', root);
  const service = supervise(t, nodeAgentUnit(node, program, args), {});
  t.ok(await service.restart());
  await service.until(() => service.lines.some((line) => line.includes('"controller.connected"')));
  await answers('the unit’s start line');

  t.equal(await upgrade('node-agent', root, service, addVersion(root, 'silent', SILENT), 4000), 'reverted');
  t.equal(await versionOf('node-agent', root), own);
  await answers('switched back');

  const again = addVersion(root, 'again', `import(${JSON.stringify(join(PROJECT, 'node-agent/main.ts'))})`);
  t.equal(await upgrade('node-agent', root, service, again), 'upgraded');
  t.equal(await versionOf('node-agent', root), again);
  await answers('upgraded');
  t.ok(existsSync(joined.diskDirectory(id)));
  t.equal(service.watchdogKills, 0);
});
