/** Workstations with real Docker, on the session image: the stock image is made in tests/builds. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pause } from '../../seams/clock.ts';
import { systemClock } from '../../seams/system.ts';
import { docker, sessionImage } from './docker.ts';
import { startCluster } from './harness.ts';
import { visitPorts } from './port-visit.ts';
import { expect, type Rest } from './rest.ts';

interface Session {
  readonly id: string;
  readonly state: string;
  readonly settled: boolean;
  readonly container_id: string;
}

/** Resolves once the session has settled in a state. */
async function untilState(rest: Rest, id: string, state: string): Promise<void> {
  for (;;) {
    const now = (await rest.call('GET', `/sessions/${id}`)).body as Session;
    if (now.state === state && now.settled) return;
    await pause(systemClock, 50);
  }
}

const ENV = { RAWORC_DEFAULT_PROFILES: 'locked,workstation', RAWORC_PREVIEW_DOMAIN: 'preview.test' };

t.setTimeout(240_000);
t.test('a workstation keeps what is written anywhere, over suspension, a new container and a remix', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }], env: ENV });
  const { rest } = cluster;
  const image = await sessionImage();
  expect(await rest.call('PATCH', '/spaces/default', { settings: { images: [image] } }), 200, 'allow the image');
  const made = await rest.call('POST', '/sessions?wait=120s', { profile: 'workstation', image });
  t.match(made, { status: 201, body: { state: 'idle', profile: 'workstation', image, isolation: 'container' } });
  if (made.status !== 201 || (made.body as Session).state === 'error') return void t.comment(JSON.stringify(made.body));
  const { id } = made.body as Session;
  const on =
    (session: string) =>
    async (command: string, user: 'user' | 'root' = 'user') =>
      (await rest.call('POST', `/sessions/${session}/exec`, { command, user })).body as {
        stdout: string;
        stderr: string;
        exit_code: number;
      };
  const run = on(id);

  t.match(await run('id -un; echo ~; pwd; touch ~/mine /usr/local/bin/x /code/y && ls -ld /home/user | cut -d" " -f3'), {
    stdout: 'user\n/home/user\n/home/user\nuser\n',
    exit_code: 0,
  });
  t.match(await run('touch /usr/x'), { exit_code: 1, stderr: /Permission denied/ }, 'user is not root');
  t.match(await run('touch ~/mine /session/.raworc/x'), { exit_code: 1, stderr: /\.raworc/ }, 'nor the guest');
  const written = '/usr/w /etc/w /var/lib/w /opt/w /srv/w /root/w /home/user/w /tmp/w';
  t.match(await run(`id -u; umask 022; for f in ${written}; do echo $f > $f || exit 1; done`, 'root'), { stdout: '0\n', exit_code: 0 });
  t.match(await run('rm -r /usr/share/perl5 && useradd -m other && chown other /srv/w', 'root'), { exit_code: 0, stderr: '' });
  t.match(await run('mkdir /new', 'root'), { exit_code: 1, stderr: /Read-only/ }, 'a known limit: nothing new directly below the root');

  await t.test('servers in it are reached from outside', (t) =>
    visitPorts(t, { rest, session: id, url: `http://127.0.0.1:${cluster.ports.http}`, token: rest.token }),
  );

  const kept = async (where = run) => {
    t.match(await where(`cat ${written}; stat -c %U /srv/w; ls -d /usr/share/perl5 2>&1; true`, 'root'), {
      stdout: `${written.replaceAll(' ', '\n')}\nother\nls: cannot access '/usr/share/perl5': No such file or directory\n`,
    });
    t.match(await where('id -un; test -O ~/mine && echo own'), { stdout: 'user\nown\n' });
  };
  await kept();
  const state = (action: string) => rest.call('POST', `/sessions/${id}/${action}?wait=60s`);
  t.match(await rest.call('POST', `/sessions/${id}/pause`), { status: 200 });
  t.match(await state('resume'), { body: { state: 'idle' } });
  await kept();
  t.match(await rest.call('POST', `/sessions/${id}/suspend`), { status: 200 });
  await untilState(rest, id, 'suspended');
  t.match(await state('resume'), { body: { state: 'idle' } });
  await kept();

  const now = (await rest.call('GET', `/sessions/${id}`)).body as Session;
  t.match(await run('touch /run/mark', 'root'), { exit_code: 0 });
  await docker.getContainer(now.container_id).kill();
  // A new start of the container has another /run.
  while ((await run('test -e /run/mark', 'root')).exit_code !== 1) await pause(systemClock, 50);
  await kept();

  const copy = (await rest.call('POST', `/sessions/${id}/remix?wait=120s`, {})).body as Session;
  await kept(on(copy.id));
  t.match(await on(copy.id)('echo changed > ~/mine; id -u'), { exit_code: 0 });
  t.notMatch((await on(copy.id)('id -u')).stdout, (await run('id -u')).stdout, 'each session has a user of its own on the host');
  t.match(await run('cat ~/mine'), { stdout: '' }, 'a copy shares nothing');

  for (const session of [id, copy.id]) expect(await rest.call('DELETE', `/sessions/${session}`), 204, 'delete');
  t.equal(readdirSync(join(cluster.node('node-1').dataDirectory, 'roots')).length, 1, 'the root of the image stays for the next');
});
