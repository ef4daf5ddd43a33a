/** What the controller says of a node's certificate that was not renewed in time. */
import t from 'tap';
import { nodeConnected } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { nodeObject } from '../../../../controller/services/nodes/node-object.ts';
import { HandClock } from '../../hand-clock.ts';
import { NODE } from '../core.ts';
import { cluster } from '../fleet/world.ts';

const DAY_MS = 24 * 3_600_000;
const GREETING = { driver: 'hollow', version: '0', cpuMillis: 1, memoryBytes: 1, maxSessions: 0, bounds: null, incarnation: 1 };

t.test('in the last third of its life, and after it, a certificate that was not renewed is a condition of its node', async (t) => {
  const clock = new HandClock();
  const { core, fleet, alarms, directory } = await cluster(t, clock);
  const issuedAt = clock.now();
  const certificate = { issuedAt, expiresAt: issuedAt + 30 * DAY_MS, issuer: 'ca' };
  await core.applier.apply(nodeConnected(NODE, { ...GREETING, hostname: 'h', boot: 1, certificate }));
  const shown = () => {
    const node = directory.node(NODE);
    if (node === undefined) throw new Error('the node is unknown');
    const { conditions } = nodeObject({ view: core.store.view, fleet, alarms, directory, clock, leaseMs: 15_000 }, node);
    return conditions.filter(({ type }) => type === 'CertificateNotRenewed');
  };
  const after = (ms: number) => clock.sleep(issuedAt + ms - clock.now());
  after(20 * DAY_MS - 1);
  t.same(shown(), []);
  after(20 * DAY_MS);
  const since = new Date(issuedAt + 20 * DAY_MS).toISOString();
  const ends = new Date(certificate.expiresAt).toISOString().slice(0, 10);
  const expires = new RegExp(`^The certificate of this node expires at ${ends}.* has not renewed it`);
  t.match(shown(), [{ message: expires, since }]);
  after(31 * DAY_MS);
  t.match(shown(), [{ message: new RegExp(`expired at ${ends}`), since }]);
  const renewed = { issuedAt: clock.now(), expiresAt: clock.now() + 30 * DAY_MS, issuer: 'ca' };
  await core.applier.apply(nodeConnected(NODE, { ...GREETING, hostname: 'h', boot: 1, certificate: renewed }));
  t.same(shown(), []);
});
