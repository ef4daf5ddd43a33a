import t from 'tap';
import type { Core } from '../../../../controller/core-deps.ts';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { RemovedNode } from '../../../../controller/domain/nodes/refusals.ts';
import { nodeSide } from '../../../../controller/node-side.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { NODE, silent } from '../core.ts';

const EPOCH_S = 1_700_000_000;

/** Renews a certificate issued at that time, of a node without a row. */
async function renewed(issuedAt: number) {
  const alarms: string[] = [];
  const core = {
    applier: { apply: async () => ({ ok: false, fault: 'unknown-node' }) },
    view: { get: () => undefined },
    alarms: { raise: (_node: NodeId, { message }: { message: string }) => alarms.push(message) },
    ...{ fleet: { connect: () => undefined }, dispatch: { canFetch: () => false }, services: {}, streams: {} },
  } as unknown as Core;
  const given = { random: systemRandom, log: silent, metrics: silentMetrics, epoch: EPOCH_S };
  const unused = {} as never;
  const side = nodeSide(core, unused, { open: unused } as never, given, () => ({ nodeAddresses: [], joinAddresses: [] }));
  const certificate = { issuedAt, expiresAt: issuedAt + 1, issuer: 'ca' };
  const peer = { nodeId: NODE, keyHash: 'key', certificateSerial: '1', expiresAtMs: issuedAt + 1, certificate };
  return { outcome: await side.renew(peer, Buffer.alloc(0), 'here', true), alarms };
}

t.test('a node that was removed so long ago that it is forgotten is still told so', async (t) => {
  const { outcome, alarms } = await renewed(EPOCH_S * 1000);
  t.match(outcome, { ok: false, refusal: { code: 'FORBIDDEN', details: new RemovedNode(NODE) } });
  t.match(alarms, [/was removed, but a machine still tries/]);
});

t.test('one from before a restore can have joined after the backup, and is not told to stop', async (t) => {
  const { outcome, alarms } = await renewed(EPOCH_S * 1000 - 1);
  t.match(outcome, { ok: false, refusal: { code: 'FORBIDDEN', details: undefined } });
  t.match(alarms, [/which does not exist/]);
});
