import type { ContainerCreateOptions } from 'dockerode';
import { passwdFor } from '../../../domain/accounts.ts';
import type { Disks } from '../../../volumes/disks.ts';
import type { Outcome } from '../../outcome.ts';
import type { SessionPlan } from '../../session-plan.ts';
import type { ImageAccounts } from '../accounts.ts';
import { type ContainerPlaces, containerOptions, type Owner } from '../container.ts';
import type { DockerVolumes } from '../volumes.ts';
import { workstationOptions } from '../workstations/options.ts';
import type { DockerWorkstations } from '../workstations/workstations.ts';

export interface PlacesDeps {
  readonly owner: Owner;
  readonly volumes: DockerVolumes;
  readonly accounts: ImageAccounts;
  readonly disks: Pick<Disks, 'accounts'>;
  readonly workstations: Pick<DockerWorkstations, 'root'> | undefined;
  readonly openFiles?: number | undefined;
  /** Checked at last: the engine would create a missing group without limits. */
  places(): Promise<Omit<ContainerPlaces, 'disk' | 'passwd'>>;
}

export type Prepared =
  | { readonly ok: true; readonly disk: string; readonly options: ContainerCreateOptions }
  | Exclude<Outcome, { ok: true }>;

/** Returns the options of a session's container, once its disk and its root are mounted. */
export async function preparedContainer(deps: PlacesDeps, plan: SessionPlan, signal: AbortSignal): Promise<Prepared> {
  const { owner, volumes, accounts, disks, workstations, openFiles } = deps;
  const mounted = await volumes.ready(plan);
  if ('ok' in mounted) return mounted.ok ? { ok: false, why: 'failed', reason: 'The disk of this session is not mounted.' } : mounted;
  const { path, disk } = mounted;
  if (plan.profile === 'workstation') {
    const root = await workstations?.root(plan, signal);
    if (root === undefined) return { ok: false, why: 'no-image' };
    const locked = containerOptions(owner, plan, { ...(await deps.places()), disk: path, passwd: '/etc/passwd' }, openFiles);
    return { ok: true, disk: disk.id, options: workstationOptions(locked, root, plan.limits.memoryBytes) };
  }
  const passwd = await disks.accounts(plan.sessionId, passwdFor(await accounts.passwdOf(plan.image), plan.uid));
  return { ok: true, disk: disk.id, options: containerOptions(owner, plan, { ...(await deps.places()), disk: path, passwd }, openFiles) };
}
