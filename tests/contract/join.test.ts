import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { NodeTokenObject } from '../../controller/contract/nodes.ts';
import { claimData } from '../../node-agent/identity/enter.ts';
import { encodeJoinToken, type JoinToken, parseJoinToken } from '../../proto/join-token.ts';
import { freePorts } from '../cluster/ports.ts';
import { START_ENVIRONMENT } from '../start-environment.ts';
import { answeringDocker } from './answering-docker.ts';
import { openTarget } from './target.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../node-agent/raworc-node-agent.mjs');
const UNUSED = /has not joined, and the token is unused/;

t.setTimeout(240_000);
t.test('each reason why a host cannot join says what to do, and costs neither the token nor what the host was', async (t) => {
  const cluster = await openTarget(t);
  const other = await openTarget(t);
  if (cluster.own === undefined || process.getuid?.() !== 0) return t.comment('only as root, with controllers of the test’s own');
  const directory = mkdtempSync(join(tmpdir(), 'raworc-join-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const docker = join(directory, 'docker.sock');
  await answeringDocker(t, docker, directory);
  type Created = NodeTokenObject & { readonly token: string };
  const create = async (body: object = {}) => (await cluster.rest.call('POST', '/nodes/tokens', body)).body as Created;
  const open = async () => (await cluster.rest.call('GET', '/nodes/tokens')).body as readonly NodeTokenObject[];
  const useOf = async (id: string) => (await open()).find((token) => token.id === id)?.used;

  // The kind of disks that needs no mounts.
  const env = { ...START_ENVIRONMENT, RAWORC_DISK_KIND: 'measured' };
  /** Runs `raworc-node-agent join` for the host whose data is in `host`. */
  const joins = async (
    host: string,
    token: string,
    { flags = [], as = [] }: { flags?: readonly string[]; as?: readonly string[] } = {},
  ) => {
    const args = ['join', '--token', token, '--data', join(directory, host), '--name', host, '--docker-socket', docker, ...flags];
    const [program = '', ...rest] = [...as, process.execPath, LAUNCHER, ...args];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    return { code: Number(code), stdout, stderr };
  };
  const changed = (token: string, change: Partial<JoinToken>): string => {
    const parsed = parseJoinToken(token);
    if (!parsed.ok) throw new Error(parsed.problem);
    return encodeJoinToken({ ...parsed.token, ...change });
  };

  t.match(await joins('one', 'rwn_half'), { code: 2, stderr: /incomplete or damaged. Copy all of it again/ });
  t.match(await joins('one', '', { flags: ['--token-file', '/nonexistent'] }), { code: 2 });

  const token = await create({ uses: 2, labels: { zone: 'a' } });
  const [port = 0] = await freePorts(1);
  t.match(await joins('one', changed(token.token, { joinAddresses: [`127.0.0.1:${port}`] })), {
    ...{ code: 1, stdout: /✗ controller +127.0.0.1:\d+: .*ECONNREFUSED.*\n +→ set node_host and advertise/, stderr: UNUSED },
  });
  t.match(await joins('one', changed(token.token, { caHash: 'ab'.repeat(32) })), {
    ...{ code: 1, stdout: /✗ controller +\S+: another server answers.*\n +→ create a token/, stderr: UNUSED },
  });
  t.match(await joins('one', token.token, { flags: ['--docker-socket', '/nonexistent'] }), {
    ...{ code: 1, stdout: /✗ Docker .*\n +→ install and start it/, stderr: UNUSED },
  });
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  t.match(await joins('one', token.token, { as: nobody }), {
    code: 1,
    stdout: /✗ user .*needs root.*\n +→ run it with sudo/,
    stderr: UNUSED,
  });
  t.equal(await useOf(token.id), 0, 'none of that took a use');

  t.match(await joins('one', token.token), { code: 0, stdout: /✓ name servers[\s\S]*joined as one/ });
  t.equal(await useOf(token.id), 1);
  t.match(
    await joins('one', token.token),
    { code: 0, stdout: /✓ identity +the node one[\s\S]*already joined as one/ },
    'the same line again',
  );
  t.equal(await useOf(token.id), 1, 'takes no second use');
  t.match(await joins('two', token.token), { code: 0, stdout: /joined as two/ });
  t.match(await joins('three', token.token), { code: 1, stderr: /All 2 uses .* are taken. Create a new one with `raworc node token`/ });

  const revoked = await create();
  await cluster.rest.call('DELETE', `/nodes/tokens/${revoked.id}`);
  t.match(await joins('three', revoked.token), { code: 1, stderr: /was revoked. Create a new one/ });
  const expired = await create({ expires_in_s: 1 });
  while ((await useOf(expired.id)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  t.match(await joins('three', expired.token), { code: 1, stderr: /has expired. Create a new one/ });
  t.match(await joins('one', expired.token), { code: 1, stderr: /has expired[\s\S]*stays the node "one"[\s\S]*raworc-node-agent install/ });

  const spare = await create();
  t.match(await joins('three', spare.token, { flags: ['--name', 'one'] }), {
    ...{ code: 1, stderr: /"one" exists, with another key. Choose another --name.*raworc node remove one/ },
  });
  t.match(await joins('three', spare.token, { flags: ['--name', 'a b'] }), { code: 1, stderr: /not a valid node name. Choose a --name/ });
  const elsewhere = await other.rest.nodeToken();
  t.match(await joins('one', elsewhere), {
    ...{ code: 1, stderr: /already the node "one" of cluster [\s\S]*drain and remove[\s\S]*stays the node "one"/ },
  });
  const claim = await claimData(join(directory, 'one'));
  t.match(await joins('one', spare.token), { code: 1, stderr: /already the node "one".*another node agent uses .*Stop it/ });
  await claim.close();
  t.equal(await useOf(spare.id), 0);
  t.same((await cluster.rest.nodes()).map(({ name }) => name).sort(), ['hollow', 'one', 'two']);
  t.same(
    (await other.rest.nodes()).map(({ name }) => name),
    ['hollow'],
  );
});
