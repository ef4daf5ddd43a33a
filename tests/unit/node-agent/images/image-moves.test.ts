/** Pulls and pushes of a node, over an engine that is played. */
import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import type { Driver, MoveOutcome } from '../../../../node-agent/engine/driver.ts';
import { ImageMoves } from '../../../../node-agent/images/image-moves.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';

type Call = { readonly what: string; end(outcome: MoveOutcome): void };

function world(there: ReadonlySet<string> = new Set()) {
  const calls: Call[] = [];
  const reports: object[] = [];
  const arrived: string[] = [];
  const waiting: (() => void)[] = [];
  const changed = () => {
    for (const look of waiting.splice(0)) look();
  };
  const begin = (what: string) =>
    new Promise<MoveOutcome>((end) => {
      calls.push({ what, end });
      changed();
    });
  const driver: Pick<Driver, 'transfer' | 'inspectImage'> = {
    transfer: { pull: ({ image }) => begin(`pull ${image}`), push: ({ image }) => begin(`push ${image}`) },
    inspectImage: async (tag) => (there.has(tag) ? { id: 'i', labels: {} } : undefined),
  };
  const conditions = new Conditions(systemClock, silent);
  const moves = new ImageMoves({
    ...{ driver: driver as Driver, clock: systemClock, log: silent, conditions },
    report(moved) {
      reports.push(moved);
      changed();
    },
    arrived: (image) => void arrived.push(image),
  });
  const until = async (is: () => boolean) => {
    while (!is()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { moves, calls, reports, arrived, conditions, until };
}

const pull = (image: string) => ({ image, repository: 'r', digest: `sha256:${'0'.repeat(64)}` });

t.test('a repeated request is one pull, and two run at once', async (t) => {
  const { moves, calls, reports, arrived, until } = world();
  for (const image of ['a', 'a', 'b', 'c']) moves.pull(pull(image));
  moves.push({ image: 'a', repository: 'r', tag: 't' });
  await until(() => calls.length === 2);
  t.same(
    calls.map(({ what }) => what),
    ['pull a', 'pull b'],
  );
  calls[0]?.end({ ok: true });
  await until(() => calls.length === 3);
  t.same(reports, [{ image: 'a', pushed: false, error: '' }]);
  t.same(arrived, ['a']);
  for (const { end } of calls) end({ ok: true });
  await until(() => calls.length === 4);
  t.equal(calls[3]?.what, 'push a');
  calls[3]?.end({ ok: false, reason: 'denied' });
  await until(() => reports.length === 4);
  t.same(reports[3], { image: 'a', pushed: true, error: 'denied' });
  t.same(arrived, ['a', 'b', 'c'], 'a push brings nothing');
});

t.test('a condition has the reason of a failed pull until the image arrives', async (t) => {
  const { moves, calls, reports, conditions, until } = world();
  moves.pull(pull('a'));
  await until(() => calls.length === 1);
  calls[0]?.end({ ok: false, reason: 'the registry is away' });
  await until(() => reports.length === 1);
  t.match(conditions.all(), [{ type: 'ImageMissing', message: /Cannot pull the image a: the registry is away/, unschedulable: false }]);
  moves.pull(pull('a'));
  await until(() => calls.length === 2);
  calls[1]?.end({ ok: true });
  await until(() => reports.length === 2);
  t.same(conditions.all(), []);
});

t.test('an image that is there is not pulled; nothing is reported after the end', async (t) => {
  const { moves, calls, reports, until } = world(new Set(['a']));
  moves.pull(pull('a'));
  await until(() => reports.length === 1);
  t.same(reports, [{ image: 'a', pushed: false, error: '' }]);
  moves.pull(pull('b'));
  await until(() => calls.length === 1);
  const closed = moves.close();
  calls[0]?.end({ ok: true });
  await closed;
  t.equal(reports.length, 1);
});
