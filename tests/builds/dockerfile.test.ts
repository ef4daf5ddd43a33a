/** Agents that bring a Dockerfile: what it can do, what it cannot, and what is built again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { docker } from '../host/busybox.ts';
import { WHEEL, WHEEL_NAME } from '../host/wheel.ts';
import { type Agent, buildWorld, type Files, leftovers, lines } from './build-world.ts';

const MIB = 2 ** 20;
t.setTimeout(600_000);

const CODE = 'import pathlib\ndef process_message(m, c): return pathlib.Path("/etc/motto").read_text()\n';
const agent = (dockerfile: string, files: Files = {}): Agent => [
  ...(['own', 'PYTHON', 'main.process_message'] as const),
  { 'main.py': CODE, Dockerfile: dockerfile, ...files },
];

const DOCKERFILE = `ARG WORD=carefully
FROM raworc/session AS made
COPY tool.sh /src/
RUN mkdir -p /out && sed s/WORD/loud/ /src/tool.sh > /out/tool && chmod 755 /out/tool

FROM raworc/session
ARG WORD
COPY --from=made /out/tool /usr/local/bin/tool
RUN id -u > /etc/who && echo "$WORD" > /etc/motto && chown 1:1 /etc/motto && tool
ENTRYPOINT ["/nowhere"]
USER nobody
`;
const FILES = { 'tool.sh': '#!/bin/sh\necho WORD\n' };

t.test('Dockerfiles', async (t) => {
  const { build, installs, close } = await buildWorld({
    limits: { memoryBytes: 384 * MIB, processes: 64, diskBytes: 400 * MIB, temporaryBytes: 16 * MIB },
    environment: { RAWORC_MARK: "it's the operator's" },
  });
  t.teardown(close);
  const sh = (image: string, script: string) =>
    docker('run', '--rm', '--user', '0', '--network', 'none', '--entrypoint', 'sh', image, '-c', script);

  await t.test('programs run as root, stages are copied from, and nothing of the operator stays', async (t) => {
    const { image, report } = await build(agent(DOCKERFILE, FILES));
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
    t.match(
      await sh(image, 'cat /etc/who /etc/motto; tool; ls /src 2>&1 || true; ls -A /run'),
      /^0\ncarefully\nloud\nls: .*\/src.*\n(?!.*raworc)/s,
    );
    const config = await docker('image', 'inspect', image, '--format', '{{json .Config}} {{json .ContainerConfig}}');
    t.notMatch(config, /RAWORC_MARK|raworc\.job/);
    t.notMatch(await docker('history', '--no-trunc', image), /the operator/);

    const again = await build(agent(DOCKERFILE, { ...FILES, 'main.py': `${CODE}\n` }));
    t.match(again.report, { phase: 'BUILD_COMPLETED' });
    const layers = async (one: string): Promise<string[]> =>
      JSON.parse(await docker('image', 'inspect', one, '--format', '{{json .RootFS.Layers}}'));
    const before = await layers(image);
    t.equal(
      (await layers(again.image)).filter((layer) => !before.includes(layer)).length,
      1,
      'no step is repeated for a change of the code',
    );
    await docker('rmi', image, again.image);
  });

  await t.test('dependencies on such an image are installed once, and are no part of its steps', async (t) => {
    const dependent = (more: string): Agent =>
      agent('FROM raworc/session\nRUN echo > /etc/motto\n', {
        'main.py': `import greeting\n${CODE}${more}`,
        'requirements.txt': '--no-index\n--find-links wheels\ngreeting==1.0\n',
        [`wheels/${WHEEL_NAME}`]: WHEEL,
      });
    const first = await build(dependent(''));
    t.match(first.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.same(installs, { installed: 1, reused: 0 });
    const second = await build(dependent('# changed\n'));
    t.match(second.report, { phase: 'BUILD_COMPLETED' });
    t.same(installs, { installed: 1, reused: 1 });
    const bare = await build(agent('FROM raworc/session\nRUN echo > /etc/motto\n'));
    t.equal(await sh(bare.image, 'ls /opt/raworc/deps 2>/dev/null || true'), '', 'another agent with this Dockerfile gets nothing else');
    await docker('rmi', first.image, second.image, bare.image);
  });

  await t.test('the example', async (t) => {
    const file = (name: string) => readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'dockerfile', name), 'utf8');
    const files = Object.fromEntries(['Dockerfile', 'main.py', 'raworc.json'].map((name) => [name, file(name)]));
    const { image, report } = await build(['example', 'PYTHON', 'main.process_message', files]);
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
    t.equal(await sh(image, `echo '{"b": 1, "a": 2}' | jq -r 'keys[]'`), 'a\nb');
    await docker('rmi', image);
  });

  await t.test('what fails or reaches too far fails the build, and leaves nothing behind', async (t) => {
    const before = await leftovers();
    const failing: readonly (readonly [dockerfile: string, error: RegExp])[] = [
      ['FROM raworc/session\nRUN echo here is why; exit 3', /Dockerfile, line 2 failed for the agent own: exit code 3\.[\s\S]*here is why/],
      ['FROM raworc/session\nRUN head -c 600000000 /dev/zero > /big', /line 2 failed .*more disk space than builds have/],
      ['FROM raworc/session\nRUN python3 -c "x = bytearray(800000000)"', /line 2 failed .*(more memory than builds have|exit code 137)/],
      ['FROM raworc/session\nRUN for i in $(seq 100); do sleep 60 & done; wait', /line 2 failed (.*\n)*.*[Ff]ork/],
      ['FROM raworc/session\nRUN mknod /dev/x b 8 0', /line 2 failed (.*\n)*.*Operation not permitted/],
      ['FROM raworc/session\nRUN mount -t tmpfs x /mnt', /line 2 failed .*exit code/],
      ['FROM raworc/session\nRUN ls /opt/raworc/guest /var/run/docker.sock', /line 2 failed .*exit code/],
      ['FROM raworc/session\nCOPY nowhere /x', /line 2 failed .*nowhere/],
      ['FROM debian:12', /does not allow the base image debian:12/],
      ['FROM raworc/session\nRUN --mount=type=secret,id=a true', /line 2: RUN --mount=type=secret,id=a is not supported/],
      [
        'FROM raworc/session\nRUN mv /usr/bin/python3 /usr/bin/python4',
        /cannot run sessions: it has no python3, which the agent own needs/,
      ],
      ['FROM raworc/session\nRUN rm /lib64/ld-linux-x86-64.so.2', /cannot run sessions: it needs glibc 2\.28 or newer/],
    ];
    for (const [dockerfile, error] of failing) {
      const { report } = await build(agent(dockerfile));
      t.match(report, { phase: 'BUILD_FAILED', error }, dockerfile);
    }
    const other: Agent = ['other', 'PYTHON', 'main.process_message', { 'main.py': CODE, Dockerfile: 'FROM raworc/session\nUSER 1' }];
    const both = await build(agent('FROM raworc/session\nUSER 2'), other);
    t.match(both.report, { phase: 'BUILD_FAILED', error: /agents own and other each bring an image, but the agents of a space share one/ });
    t.same(await leftovers(), before);
    t.same(lines(await docker('ps', '-aq', '--filter', 'name=raworc_step_')), []);
  });
});
