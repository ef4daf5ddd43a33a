/** What befalls the controller's machine: the controller itself, nats-server, the registry and the disk. */
import { setTimeout as elapsed } from 'node:timers/promises';
import type { Rack } from '../rack.ts';
import { PAST_LEASE_MS, type Strike } from './strike.ts';

const AWAY_MS = 30_000;
const FULL_FOR_MS = 10_000;

export function restartController({ head }: Rack, signal: 'SIGKILL' | 'SIGTERM'): Strike {
  return {
    name: `the controller is restarted by ${signal}`,
    takesController: true,
    async befall() {
      await head.controller.end(signal);
      await head.startController();
    },
  };
}

export function stopController({ head }: Rack): Strike {
  return {
    name: 'the controller is stopped for longer than its leases',
    takesController: true,
    async befall() {
      head.controller.stop();
      await elapsed(PAST_LEASE_MS);
      head.controller.continue();
    },
  };
}

export function killBus({ head }: Rack): Strike {
  return {
    name: 'nats-server is killed',
    async befall() {
      await head.bus.end('SIGKILL');
      await head.startBus();
    },
  };
}

export function loseBus({ head }: Rack): Strike {
  return {
    name: `nats-server is gone for ${AWAY_MS / 1000} s`,
    async befall() {
      await head.bus.end('SIGKILL');
      await elapsed(AWAY_MS);
      await head.startBus();
    },
  };
}

/** Its program is gone too, so the controller cannot start it again. */
export function loseRegistry({ head }: Rack): Strike {
  return {
    name: `the registry is gone for ${AWAY_MS / 1000} s`,
    async befall() {
      await head.removeRegistry();
      await elapsed(AWAY_MS);
      await head.restoreRegistry();
    },
  };
}

/** To the last byte. The controller ends or refuses; what it has acknowledged stays. */
export function fillHead({ head }: Rack): Strike {
  return {
    name: "the disk of the controller's host is full",
    takesController: true,
    async befall() {
      await head.disk.fill(0);
      await elapsed(FULL_FOR_MS);
      await head.disk.free();
      if (!head.controller.child.running) await head.startController();
    },
  };
}
