/** What waits for the applier, and what one batch takes of it. */
import t from 'tap';
import { type Command, unchanged } from '../../../../controller/domain/engine/command.ts';
import { accepted, type Outcome } from '../../../../controller/domain/engine/outcome.ts';
import { BATCH_BOUND, MAX_PENDING } from '../../../../controller/services/engine/commands/command-queue.ts';
import type { Log } from '../../../../seams/log.ts';
import { prometheusMetrics } from '../../../../seams/prometheus.ts';
import { systemClock } from '../../../../seams/system.ts';
import { openCore } from '../core.ts';

const MIB = 1024 * 1024;
const command = (more: Partial<Command<Outcome<undefined>>> = {}): Command<Outcome<undefined>> => ({
  ...{ name: 'test', decide: () => unchanged(accepted(undefined)) },
  ...more,
});

/** How many commands each batch had. */
function batches(core: Awaited<ReturnType<typeof openCore>>): { count: number; sizes: number[] } {
  const state = { count: 0, sizes: [] as number[] };
  core.applier.onCommitted(() => {
    state.sizes.push(state.count);
    state.count = 0;
  });
  return state;
}

t.test('a batch ends at its bound in commands and at its bound in bytes, and one command may be larger', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const state = batches(core);
  const counted = (bytes: number) =>
    core.applier.submit(
      command({
        bytes,
        decide() {
          state.count += 1;
          return unchanged(accepted(undefined));
        },
      }),
    );
  await Promise.all(Array.from({ length: 10 }, () => counted(MIB)));
  t.same(state.sizes, [3, 3, 3, 1], 'each counts a little more than what it carries');
  state.sizes.length = 0;
  await Promise.all([counted(3 * BATCH_BOUND.bytes), counted(0)]);
  t.same(state.sizes, [1, 1]);
});

t.test('a batch ends when it has taken long to decide, and the rest comes in the next', async (t) => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const lines: [string, unknown][] = [];
  // The clocks of this test disagree, which is logged too.
  const note = (event: string, fields: unknown) => event.startsWith('applier') && lines.push([event, fields]);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const core = await openCore({ clock, log });
  t.teardown(core.close);
  const state = batches(core);
  const slow = (ms: number) =>
    core.applier.submit(
      command({
        name: `takes-${ms}`,
        decide() {
          state.count += 1;
          now += ms;
          return unchanged(accepted(undefined));
        },
      }),
    );
  await Promise.all([slow(8), slow(8), slow(8), slow(8)]);
  t.same(state.sizes, [3, 1]);
  t.same(lines, []);
  await Promise.all([slow(5), slow(1500), slow(1)]);
  t.match(lines, [['applier.slow_batch', { commands: 2, slowest_command: 'takes-1500' }]]);
});

t.test('client commands are refused when too many wait, or too much; those of nodes are taken', async (t) => {
  const metrics = prometheusMetrics({ processMetrics: false });
  const core = await openCore({ metrics });
  t.teardown(core.close);
  const many = Array.from({ length: MAX_PENDING.commands }, () => core.applier.submit(command()));
  t.match(await core.applier.submit(command()), { refusal: { code: 'RATE_LIMITED', message: /10000 requests are waiting/ } });
  const taken = core.applier.apply(command());
  t.match(await metrics.text(), /raworc_command_queue_commands 10001\n/);
  await Promise.all([...many, taken]);

  const large = Array.from({ length: 8 }, () => core.applier.submit(command({ bytes: MAX_PENDING.bytes / 8 - 2048 })));
  t.match(await core.applier.submit(command({ bytes: MIB })), {
    refusal: { code: 'RATE_LIMITED', message: /64 MiB of requests are waiting/ },
  });
  await Promise.all(large);
  t.match(await core.applier.submit(command({ bytes: 2 * MAX_PENDING.bytes })), { ok: true }, 'one may be larger when nothing else waits');
  const text = await metrics.text();
  t.match(text, /raworc_commands_refused_total\{bound="commands"\} 1\n/);
  t.match(text, /raworc_commands_refused_total\{bound="bytes"\} 1\n/);
});

t.test('what makes the store larger is refused while its disk is low, and nothing else is', async (t) => {
  const state: { low: string | undefined } = { low: 'The disk is low.' };
  const core = await openCore({ growthRefusal: () => state.low });
  t.teardown(core.close);
  t.match(await core.applier.submit(command({ grows: true })), { refusal: { code: 'UNAVAILABLE', message: 'The disk is low.' } });
  t.ok((await core.applier.submit(command())).ok);
  t.ok((await core.applier.apply(command({ grows: true }))).ok, 'what nodes say is kept');
  state.low = undefined;
  t.ok((await core.applier.submit(command({ grows: true }))).ok);
});
