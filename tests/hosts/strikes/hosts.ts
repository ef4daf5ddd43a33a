/** What befalls a host and its node agent. */
import { setTimeout as elapsed } from 'node:timers/promises';
import { Follower } from '../../cluster/follow.ts';
import { expect } from '../../cluster/rest.ts';
import { sessionShape } from '../../cluster/shapes.ts';
import type { Host } from '../host.ts';
import type { Rack } from '../rack.ts';
import { PAST_LEASE_MS, type Strike } from './strike.ts';

const DRAINED_WITHIN_MS = 120_000;
const DRAINED_FOR_MS = 10_000;
/** Below the low-water mark of a node, and enough for what its sessions write meanwhile. */
const LEFT_BYTES = 256 * 2 ** 20;

export function killAgent(host: Host): Strike {
  return {
    name: `the node agent of ${host.name} is killed`,
    async befall() {
      await host.agent.end('SIGKILL');
      await host.startAgent();
    },
  };
}

export function stopAgent(host: Host): Strike {
  return {
    name: `the node agent of ${host.name} is stopped for longer than its lease`,
    async befall() {
      host.agent.stop();
      await elapsed(PAST_LEASE_MS);
      host.agent.continue();
    },
  };
}

/** In the container of one of its sessions, during a run. */
export function killInside(host: Host, program: 'guest.mjs' | 'worker.py'): Strike {
  return {
    name: `${program} of a session on ${host.name} is killed`,
    cuts: host,
    async befall({ works, hits }) {
      const [[session = ''] = []] = await host.running();
      // Its agent starts with its first message.
      await works(session);
      const [, container] = (await host.running()).find(([id]) => id === session) ?? [];
      if (container === undefined) throw new Error(`nothing runs on ${host.name}`);
      hits(session);
      const listed = (await host.docker('top', container, '-o', 'pid,args')).split('\n');
      const lines = listed.filter((line) => line.includes(program) && !line.includes('docker-init'));
      const [pid] = lines.at(0)?.trim().split(' ') ?? [];
      if (pid === undefined) throw new Error(`no ${program} in the container:\n${listed.join('\n')}`);
      await works(session);
      await host.machine.run('kill', '-KILL', pid);
    },
  };
}

export function reboot(host: Host): Strike {
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

/** Busy sessions finish first, so no run is cut off. Those without messages are resumed by hand. */
export function drain({ rest }: Rack, host: Host): Strike {
  return {
    name: `${host.name} is drained, and comes back`,
    async befall() {
      const news = await Follower.ofAll(rest);
      try {
        expect(await rest.call('POST', `/nodes/${host.name}/drain`, { on_deadline: 'wait' }), 200, `drain ${host.name}`);
        await news.next(`${host.name} to be drained`, ({ type }) => type === 'node.drained', DRAINED_WITHIN_MS);
      } finally {
        news.close();
      }
      if ((await host.running()).length > 0) throw new Error(`a session runs on ${host.name}, which is drained`);
      await elapsed(DRAINED_FOR_MS);
      const asleep = sessionShape.array().parse(expect(await rest.call('GET', '/sessions?limit=100'), 200, 'list sessions'));
      expect(await rest.call('POST', `/nodes/${host.name}/uncordon`), 200, `uncordon ${host.name}`);
      for (const { id, node, state } of asleep)
        if (node === host.name && state === 'suspended') await rest.call('POST', `/sessions/${id}/resume?wait=60s`);
    },
  };
}

/** Its sessions go on, and new ones go elsewhere. */
export function fillDisk({ rest }: Rack, host: Host): Strike {
  return {
    name: `the disk of ${host.name} is full`,
    async befall() {
      await host.disk.fill(LEFT_BYTES);
      try {
        await host.agent.child.untilLine('the node agent to notice', (line) => line.includes('"DiskLow"'), DRAINED_WITHIN_MS);
        const created = await rest.createSession();
        if (created.node === host.name) throw new Error(`a new session was placed on ${host.name}, whose disk is full`);
        await rest.removeSession(created.id);
      } finally {
        await host.disk.free();
      }
    },
  };
}
