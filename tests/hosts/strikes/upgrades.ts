/** Node agents change their release while their sessions work. No run is cut off. */
import { mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { nodeAgentUnit } from '../../../node-agent/service/unit.ts';
import { adopt, startOf } from '../../../systemd/upgrade/versions.ts';
import { within } from '../../cluster/deadline.ts';
import { expect } from '../../cluster/rest.ts';
import { addVersion, SILENT, upgrade } from '../../cluster/supervised-versions.ts';
import { Supervisor } from '../../cluster/supervisor.ts';
import type { Host } from '../host.ts';
import type { Rack } from '../rack.ts';
import type { Strike } from './strike.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const GIVES_UP_MS = 4_000;
const UP_WITHIN_MS = 60_000;
const nodeShape = z.looseObject({ conditions: z.array(z.object({ type: z.string() })) });

/** To the real previous release, whose directory this is, and back to this one. */
export function downgrade({ rest }: Rack, host: Host, release: string): Strike {
  const isOlder = async () => {
    const { conditions } = nodeShape.parse(expect(await rest.call('GET', `/nodes/${host.name}`), 200, 'get a node'));
    return conditions.some(({ type }) => type === 'Version');
  };
  return {
    name: `the node agent of ${host.name} is downgraded to the previous release, and upgraded`,
    async befall({ answersOn }) {
      await host.agent.end('SIGTERM');
      await host.startOtherAgent(release);
      await answersOn(host);
      if (!(await isOlder())) throw new Error(`the node agent of ${host.name} is not of the previous release`);
      await host.agent.end('SIGTERM');
      await host.startAgent();
      await answersOn(host);
      if (await isOlder()) throw new Error(`the node agent of ${host.name} is still of the previous release`);
    },
  };
}

/** By the start line of its unit: to a version that never reaches the controller, back by itself, and to one that does. */
export function upgradeUnit({ shared }: Rack, host: Host): Strike {
  return {
    name: `the node agent of ${host.name} is upgraded to a version that does not work, and to one that does`,
    async befall({ answersOn }) {
      const root = mkdtempSync(join(shared, 'versions-'));
      await adopt('node-agent', process.execPath, join(PROJECT, 'node-agent/main.ts'), root);
      const { node, program } = startOf('node-agent', root);
      const service = new Supervisor(nodeAgentUnit(node, program, host.agentFlags), {}, host.machine.entrance, shared);
      const outcomeOf = async (version: string, script: string, withinMs?: number) =>
        upgrade('node-agent', root, service, addVersion(root, version, script), withinMs);
      try {
        await host.agent.end('SIGTERM');
        await within('the unit to be up', UP_WITHIN_MS, service.restart());
        await answersOn(host);
        for (const [version, script, expected, withinMs] of [
          ['silent', SILENT, 'reverted', GIVES_UP_MS],
          ['next', `import(${JSON.stringify(join(PROJECT, 'node-agent/main.ts'))})`, 'upgraded', undefined],
        ] as const) {
          const outcome = await outcomeOf(version, script, withinMs);
          if (outcome !== expected) throw new Error(`the upgrade to ${version}: ${outcome}\n${service.lines.slice(-20).join('\n')}`);
          await answersOn(host);
        }
        if (service.watchdogKills > 0) throw new Error('the watchdog killed a node agent');
        await service.stop();
      } finally {
        await service.close();
      }
      await host.startAgent();
    },
  };
}
