/** Faults of the network: hosts that are cut off, lose packets, have little bandwidth or a long way to the controller. */
import { setTimeout as elapsed } from 'node:timers/promises';
import { Follower } from '../../cluster/follow.ts';
import { Detour } from '../detour.ts';
import type { Host } from '../host.ts';
import type { Rack } from '../rack.ts';
import type { Direction } from '../wire.ts';
import { LEASE_MS, PAST_LEASE_MS, type Strike } from './strike.ts';

const NOTICED_WITHIN_MS = 120_000;
const POOR_FOR_MS = 20_000;
const LOST_PERCENT = 20;
const KILOBITS = 256;
const DELAY_MS = 150;

/** Longer than the lease, and until the controller has noticed. */
export function cut(rack: Rack, host: Host, ...directions: readonly Direction[]): Strike {
  return {
    name: `${host.name} is cut off, ${directions.join(' and ')}`,
    async befall() {
      const news = await Follower.ofAll(rack.rest);
      try {
        await host.wire.cut(...directions);
        const away = news.next('a node to be unreachable', ({ type }) => type === 'node.unreachable', NOTICED_WITHIN_MS);
        await Promise.all([away, elapsed(LEASE_MS)]);
        await host.wire.mend();
        await rack.untilReady();
      } finally {
        news.close();
      }
    },
  };
}

export function cutHead(rack: Rack, ...directions: readonly Direction[]): Strike {
  return {
    name: `the controller's host is cut off, ${directions.join(' and ')}`,
    takesController: true,
    async befall() {
      await rack.head.wire.cut(...directions);
      await elapsed(PAST_LEASE_MS);
      await rack.head.wire.mend();
      await rack.untilReady();
    },
  };
}

export function lose(host: Host): Strike {
  return {
    name: `${host.name} loses ${LOST_PERCENT} % of its packets`,
    async befall() {
      await host.wire.lose(LOST_PERCENT, 'in', 'out');
      await elapsed(POOR_FOR_MS);
      await host.wire.mend();
    },
  };
}

export function slow(host: Host): Strike {
  return {
    name: `${host.name} has ${KILOBITS} kbit/s`,
    async befall() {
      await host.wire.slow(KILOBITS);
      await elapsed(POOR_FOR_MS);
      await host.wire.mend();
    },
  };
}

/** Its node agent connects anew at both ends, since a connection keeps its way. */
export function delay(rack: Rack, host: Host): Strike {
  return {
    name: `${host.name} is ${DELAY_MS} ms away from the controller`,
    async befall() {
      const detour = await Detour.open(rack.head.address, rack.head.nodePort, DELAY_MS);
      try {
        await host.wire.divert(rack.head.address, rack.head.nodePort, rack.ownAddress, detour.port);
        await host.agent.end('SIGTERM');
        await host.startAgent();
        await elapsed(POOR_FOR_MS);
        if (detour.connections === 0) throw new Error(`${host.name} did not take the detour`);
        await host.wire.mend();
      } finally {
        await detour.close();
      }
    },
  };
}
