/** Agents in Rust, Go and C, compiled with toolchains that come from the package mirror. */
import t from 'tap';
import { docker } from '../host/busybox.ts';
import { type Agent, buildWorld, leftovers, lines } from './build-world.ts';
import { goFiles, rustFiles } from './packaged-agents.ts';

const MIB = 2 ** 20;
t.setTimeout(900_000);

const RUST = (reply: string): Agent => ['rusty', 'NATIVE', 'greeter', rustFiles(`${reply} `)];
const GO: Agent = ['gopher', 'NATIVE', 'gopher', goFiles('')];

const C: Agent = [
  'cee',
  'NATIVE',
  'bin/cee',
  {
    'raworc.json': JSON.stringify({
      runtime: 'native',
      handler: 'bin/cee',
      build_command: 'make && rm Makefile && echo changed > notes.txt',
    }),
    Makefile: 'bin/cee: cee.c\n\tmkdir -p bin\n\tcc -O2 -o $@ $<\n',
    'cee.c': '#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c + 1); return 0; }\n',
    'notes.txt': 'as uploaded\n',
  },
];

t.test('toolchains', async (t) => {
  const { build, builds, installs, close } = await buildWorld({
    limits: { memoryBytes: 1024 * MIB, processes: 512, diskBytes: 2048 * MIB, temporaryBytes: 64 * MIB },
  });
  t.teardown(close);
  const say = async (image: string, program: string, text: string) =>
    docker(
      'run',
      '--rm',
      '--user',
      '10001',
      '--network',
      'none',
      '--entrypoint',
      'sh',
      image,
      '-c',
      `printf %s "$1" | /opt/raworc/agents/${program}`,
      'sh',
      text,
    );
  const builderImages = async () => lines(await docker('image', 'ls', '-q', '--filter', 'label=raworc.image=builder')).length;

  await t.test('Rust by Cargo.toml, with a vendored crate', async (t) => {
    const first = await build(RUST('one'));
    t.match(first.report, { phase: 'BUILD_COMPLETED', error: '' });
    t.equal(await say(first.image, 'rusty/target/release/greeter', 'hello'), 'one HELLO');
    const there = await docker(
      'run',
      '--rm',
      '--entrypoint',
      'sh',
      first.image,
      '-c',
      'cd /opt/raworc/agents/rusty; ls -A . target/release; command -v cargo rustc cc || true',
    );
    t.same(
      lines(there),
      ['.:', '.cargo', 'Cargo.lock', 'Cargo.toml', 'src', 'target', 'target/release:', 'greeter'],
      'neither toolchain nor vendored sources',
    );
    t.same(installs, { installed: 1, reused: 0 });

    const second = await build(RUST('one'));
    t.match(second.report, { phase: 'BUILD_COMPLETED' });
    t.same(installs, { installed: 1, reused: 1 }, 'nothing is compiled again');

    const third = await build(RUST('two'));
    t.equal(await say(third.image, 'rusty/target/release/greeter', 'hello'), 'two HELLO');
  });

  await t.test('a program that does not compile fails the build with the compiler’s words', async (t) => {
    const [name, runtime, handler, files] = RUST('broken');
    const { report } = await build([name, runtime, handler, { ...files, 'src/main.rs': 'fn main() { nonsense() }' }]);
    t.match(report, {
      phase: 'BUILD_FAILED',
      error: /cargo build --release failed for the agent rusty: exit code 101[\s\S]*cannot find function `nonsense`/,
    });
  });

  await t.test('Go by go.mod, and C by a build command, in one image', async (t) => {
    const { report, image } = await build(GO, C);
    t.match(report, { phase: 'BUILD_COMPLETED', error: '' });
    t.equal(await say(image, 'gopher/target/release/gopher', 'hello'), 'HELLO');
    t.equal(await say(image, 'cee/bin/cee', 'HAL'), 'IBM');
    const notes = await docker(
      'run',
      '--rm',
      '--entrypoint',
      'sh',
      image,
      '-c',
      'cd /opt/raworc/agents/cee; cat notes.txt; command -v go cc make || true',
    );
    t.equal(notes.trim(), 'changed', 'what the command changed is in the image, its tools are not');
  });

  await t.test('a command that fails, forks or fills the disk fails the build', async (t) => {
    const before = await leftovers();
    const commanded = (command: string): Agent => [
      ...(['a', 'PYTHON', 'main.process_message'] as const),
      {
        'main.py': 'def process_message(m, c): return m',
        'raworc.json': JSON.stringify({ runtime: 'python', handler: 'main.process_message', build_command: command }),
      },
    ];
    const failing: readonly (readonly [command: string, error: RegExp])[] = [
      ['echo here is why; exit 7', /build_command failed for the agent a: exit code 7[\s\S]*here is why/],
      ['head -c 3000000000 /dev/zero > big', /build_command failed .*more disk space than builds have/],
      ['for i in $(seq 1000); do sleep 60 & done; wait', /build_command failed (.*\n)*.*[Ff]ork/],
      ['test "$(id -u)" = 0 && exit 0; id -u; exit 3', /exit code 3[\s\S]*10001/],
    ];
    for (const [command, error] of failing) {
      const { report } = await build(commanded(command));
      t.match(report, { phase: 'BUILD_FAILED', error }, command);
    }
    t.same(await leftovers(), before);
  });

  await t.test('builder images are shared, and stay for later builds', async (t) => {
    t.equal(await builderImages(), 3);
    t.equal(await builds.tidy(new AbortController().signal), 0);
    t.equal(await builderImages(), 3);
  });
});
