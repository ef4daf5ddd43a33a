import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { systemClock } from '../../../../seams/system.ts';
import { testDirectory } from '../../../test-directory.ts';
import { bench } from '../hand-controller.ts';

const low = { type: 'DiskLow', message: 'The disk is low.', unschedulable: true };

t.test('what a node says of itself is told when it changes and again on each new stream, and logged once', async (t) => {
  const logged: string[] = [];
  const note = (event: string, fields = {}) => void logged.push(`${event} ${JSON.stringify(fields)}`);
  const conditions = new Conditions(systemClock, { debug: note, info: note, warn: note, error: note });
  const { controller, start } = bench(testDirectory(t));
  const node = await start(conditions);
  t.teardown(() => node.close());
  await controller.begin();
  const heard = () => controller.heard('conditions').map((said) => said.conditions.map(({ type }) => type).join());
  const said = (...wanted: string[]) =>
    controller.until(wanted.join(' then '), () => (heard().join(';') === wanted.join(';') ? true : undefined));
  t.same(heard(), [], 'a node of which there is nothing to say says nothing');

  conditions.raise(low);
  conditions.raise(low);
  await said('DiskLow');
  conditions.raise({ ...low, message: 'The disk is lower.' });
  await said('DiskLow', 'DiskLow');
  t.equal(conditions.unschedulable(), 'The disk is lower.');
  t.equal(logged.filter((line) => line.startsWith('node.condition ')).length, 1, 'one line, however the message changes');

  controller.hangUp();
  await controller.until('another stream', () => (controller.dials === 2 ? true : undefined));
  await controller.begin();
  await said('DiskLow');
  conditions.clear('DiskLow');
  conditions.clear('DiskLow');
  await said('DiskLow', '');
  t.equal(conditions.unschedulable(), undefined);
  t.equal(logged.filter((line) => line.startsWith('node.condition-over ')).length, 1);
});
