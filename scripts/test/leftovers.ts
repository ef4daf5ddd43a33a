import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type Docker from 'dockerode';
import { commandOf, signal } from '../machine/process.ts';

export const runVariable = 'RAWORC_TEST_RUN';
const filters = { label: ['raworc.managed=true'] };

interface Found {
  readonly name: string;
  remove(): Promise<unknown>;
}

/** Everything on this Docker that is labelled as Raworc's, by kind and id. */
async function labelled(docker: Docker): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>();
  for (const one of await docker.listContainers({ all: true, filters })) {
    found.set(`container ${one.Id}`, {
      name: `container ${one.Names[0]}`,
      remove: () => docker.getContainer(one.Id).remove({ force: true }),
    });
  }
  for (const one of (await docker.listVolumes({ filters })).Volumes) {
    found.set(`volume ${one.Name}`, { name: `volume ${one.Name}`, remove: () => docker.getVolume(one.Name).remove() });
  }
  for (const one of await docker.listImages({ filters })) {
    if (one.Labels?.['raworc.image'] === 'base') continue; // The session image stays for the next run.
    found.set(`image ${one.Id}`, {
      name: `image ${one.RepoTags?.[0] ?? one.Id}`,
      remove: () => docker.getImage(one.Id).remove({ force: true }),
    });
  }
  for (const one of await docker.listNetworks({ filters })) {
    found.set(`network ${one.Id}`, { name: `network ${one.Name}`, remove: () => docker.getNetwork(one.Id).remove() });
  }
  return found;
}

/**
 * Notes what is on this Docker before the tests; `sweep` answers what they left behind, and removes it unless somebody else is
 * running tests or a cluster on this machine, whose it might be.
 */
export async function watchLeftovers(docker: Docker, run: string): Promise<{ sweep(): Promise<readonly string[]> }> {
  const before = await labelled(docker);
  return {
    async sweep() {
      const left: string[] = [];
      for (const pid of processesOf(run)) {
        left.push(`process ${pid} ${commandOf(pid).slice(0, 3).join(' ')}`);
        signal(pid, 'SIGKILL');
      }
      const shared = othersRun();
      for (const [key, one] of await labelled(docker)) {
        if (before.has(key)) continue;
        const kept = shared ? ' (not removed: others are at work on this machine)' : '';
        left.push(`${one.name}${kept}`);
        if (!shared) await one.remove().catch(() => undefined);
      }
      return left;
    },
  };
}

/** What the tests started and did not end: it has the run's name in its environment. */
function processesOf(run: string): readonly number[] {
  return pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${runVariable}=${run}`);
    } catch {
      return false;
    }
  });
}

function othersRun(): boolean {
  return pids().some((pid) =>
    commandOf(pid).some((word) => /\.test\.ts$|\b(controller|node-agent)\/main\.ts$|scripts\/up\.ts$/.test(word)),
  );
}

function pids(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid);
}
