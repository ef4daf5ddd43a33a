import { setTimeout as elapsed } from 'node:timers/promises';
import { Follower } from '../cluster/follow.ts';
import type { Host } from './host.ts';
import type { Rack } from './rack.ts';
import type { Direction } from './wire.ts';

const LEASE_MS = 15_000;
const COMES_WITHIN_MS = 120_000;
const CONTROLLER_RESTARTS = 10;
const BUS_AWAY_MS = 30_000;

/** One fault, from its beginning until it is over. */
export interface Strike {
  readonly name: string;
  /** The host whose containers die with it. */
  readonly cuts?: Host;
  /** Whether clients wait until it is over. */
  readonly takesController?: boolean;
  befall(): Promise<void>;
}

/** Each process is killed, each host is cut off in each direction, and each Docker fares worse than the one before. */
export function allStrikes(rack: Rack, engineAwayMs: number): readonly Strike[] {
  const { head, all } = rack;
  const [first, second, third] = all;
  if (first === undefined || second === undefined || third === undefined) throw new Error('the strikes are for three hosts');
  const controllers = Array.from({ length: CONTROLLER_RESTARTS }, (_, index) =>
    restartController(rack, index % 2 === 0 ? 'SIGKILL' : 'SIGTERM'),
  );
  const lines: readonly (readonly Strike[])[] = [
    controllers,
    all.map((host) => killAgent(host)),
    all.map((host) => killEngine(host)),
    [
      ...all.flatMap((host) => [cut(rack, host, 'in'), cut(rack, host, 'out'), cut(rack, host, 'in', 'out')]),
      cutHead(rack, 'in'),
      cutHead(rack, 'out'),
    ],
    [restartEngine(first), stopEngine(second, engineAwayMs), wipeEngine(third), reboot(first)],
    [
      {
        name: 'nats-server is killed',
        async befall() {
          await head.bus.end('SIGKILL');
          await head.startBus();
        },
      },
      {
        name: `nats-server is gone for ${BUS_AWAY_MS / 1000} s`,
        async befall() {
          await head.bus.end('SIGKILL');
          await elapsed(BUS_AWAY_MS);
          await head.startBus();
        },
      },
    ],
    [stopAgent(second), stopController(rack)],
  ];
  return dealt(lines);
}

/** One of each line after another, until all are through. */
function dealt<T>(lines: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(...lines.map((line) => line.length));
  return Array.from({ length: longest }, (_, at) => lines.flatMap((line) => line.slice(at, at + 1))).flat();
}

function restartController({ head }: Rack, signal: 'SIGKILL' | 'SIGTERM'): Strike {
  return {
    name: `the controller is restarted by ${signal}`,
    takesController: true,
    async befall() {
      await head.controller.end(signal);
      await head.startController();
    },
  };
}

function killAgent(host: Host): Strike {
  return {
    name: `the node agent of ${host.name} is killed`,
    async befall() {
      await host.agent.end('SIGKILL');
      await host.startAgent();
    },
  };
}

function killEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} is killed`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGKILL');
      await host.startEngine();
    },
  };
}

function restartEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} is restarted`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGTERM');
      await host.startEngine();
    },
  };
}

function stopEngine(host: Host, awayMs: number): Strike {
  return {
    name: `dockerd of ${host.name} is stopped for ${awayMs / 1000} s`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGTERM');
      await elapsed(awayMs);
      await host.startEngine();
    },
  };
}

function wipeEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} loses all that it has`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGTERM');
      await host.wipeEngine();
      await host.startEngine();
    },
  };
}

function reboot(host: Host): Strike {
  return {
    name: `${host.name} loses its power and boots again`,
    cuts: host,
    async befall() {
      await host.powerOff();
      await host.boot();
      await host.startAgent();
    },
  };
}

/** Longer than the lease, and until the controller has noticed. */
function cut(rack: Rack, host: Host, ...directions: readonly Direction[]): Strike {
  return {
    name: `${host.name} is cut off, ${directions.join(' and ')}`,
    async befall() {
      const news = await Follower.ofAll(rack.rest);
      try {
        await host.wire.cut(...directions);
        const away = news.next('a node to be unreachable', ({ type }) => type === 'node.unreachable', COMES_WITHIN_MS);
        await Promise.all([away, elapsed(LEASE_MS)]);
        await host.wire.mend();
        await rack.untilReady();
      } finally {
        news.close();
      }
    },
  };
}

function cutHead(rack: Rack, direction: Direction): Strike {
  return {
    name: `the controller's host is cut off, ${direction}`,
    takesController: true,
    async befall() {
      await rack.head.wire.cut(direction);
      await elapsed(LEASE_MS + 3_000);
      await rack.head.wire.mend();
      await rack.untilReady();
    },
  };
}

function stopAgent(host: Host): Strike {
  return {
    name: `the node agent of ${host.name} is stopped for longer than its lease`,
    async befall() {
      host.agent.stop();
      await elapsed(LEASE_MS + 3_000);
      host.agent.continue();
    },
  };
}

function stopController({ head }: Rack): Strike {
  return {
    name: 'the controller is stopped for longer than its leases',
    takesController: true,
    async befall() {
      head.controller.stop();
      await elapsed(LEASE_MS + 3_000);
      head.controller.continue();
    },
  };
}
