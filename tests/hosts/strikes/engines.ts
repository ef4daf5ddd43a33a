/** Faults of a host's Docker. */
import { setTimeout as elapsed } from 'node:timers/promises';
import type { Host } from '../host.ts';
import { PAST_LEASE_MS, type Strike } from './strike.ts';

export function killEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} is killed`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGKILL');
      await host.startEngine();
    },
  };
}

/** dockerd starts it again. Containers have processes of their own there, so no run is cut off. */
export function killContainerd(host: Host): Strike {
  return {
    name: `containerd of ${host.name} is killed`,
    async befall() {
      await host.machine.run('pkill', '-KILL', '-x', 'containerd');
      const isBack = () => host.docker('version').then(Boolean, () => false);
      while (!(await isBack()));
    },
  };
}

export function restartEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} is restarted`,
    cuts: host,
    async befall() {
      await host.engine.end('SIGTERM');
      await host.startEngine();
    },
  };
}

export function stopEngine(host: Host, awayMs: number): Strike {
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

/** Containers go on, and so do their sessions: no run is cut off. */
export function freezeEngine(host: Host): Strike {
  return {
    name: `dockerd of ${host.name} is frozen for ${PAST_LEASE_MS / 1000} s`,
    async befall() {
      host.engine.stop();
      await elapsed(PAST_LEASE_MS);
      host.engine.continue();
    },
  };
}

export function wipeEngine(host: Host): Strike {
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
