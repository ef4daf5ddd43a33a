import t from 'tap';
import type { Status } from '../../../../node-agent/session/status.ts';
import { StatusReporter } from '../../../../node-agent/session/status-reporter.ts';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const nothing = { container: undefined, volume: undefined, space: '', image: '' };

t.test('what an inventory tells of a session counts as told: what changes from it is reported', async (t) => {
  const told: Status['phase'][] = [];
  const reporter = new StatusReporter('session', {
    ledger: { assignment: () => undefined },
    log: quiet,
    changed: ({ phase }) => told.push(phase),
  });
  reporter.say('RUNNING', nothing, undefined);
  reporter.say('RUNNING', nothing, undefined);
  t.same(told, ['RUNNING'], 'each thing once');
  // Seen in the middle of something, as of a volume that is being copied.
  t.equal(reporter.tell('PAUSED', nothing, undefined).phase, 'PAUSED');
  reporter.say('RUNNING', nothing, undefined);
  t.same(told, ['RUNNING', 'RUNNING'], 'whoever heard the inventory takes it for paused until then');
});
