import { join } from 'node:path';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import { makePrivateDirectory } from '../../seams/private-file.ts';
import type { IsKept } from './manifest-removal.ts';
import type { S3Storage } from './registry-config.ts';
import { findProgram, RegistryProcess } from './registry-process.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { Upstream } from './upstream.ts';

/** Which registry to use; see the settings. */
export type RegistryChoice =
  | { readonly kind: 'off' }
  | { readonly kind: 'own'; readonly program: string; readonly s3?: S3Storage | undefined }
  | { readonly kind: 'url'; readonly url: URL; readonly user: string | undefined; readonly password: string | undefined };

export interface OpenRegistry extends Upstream {
  removeManifest(repository: string, digest: string, isKept?: IsKept): Promise<'removed' | 'refused'>;
  lacks(repository: string, digest: string): Promise<boolean>;
  readonly isReadOnly?: boolean;
  repair?(digest: string): Promise<boolean>;
  collect(isUrgent: boolean): void;
  onUp(listener: () => void): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the chosen registry. Returns undefined without one, or if its program is missing: images
 * then stay on the nodes that built them.
 */
export async function openRegistry(
  choice: RegistryChoice,
  { directory, clock, log, metrics }: { readonly directory: string; readonly clock: Clock; readonly log: Log; readonly metrics: Metrics },
): Promise<OpenRegistry | undefined> {
  if (choice.kind === 'off') return undefined;
  const listeners: (() => void)[] = [];
  const changed = (isUp: boolean) => {
    if (isUp) for (const listener of listeners) listener();
  };
  const onUp = (listener: () => void) => void listeners.push(listener);
  if (choice.kind === 'url')
    return Object.assign(new RemoteRegistry({ ...choice, clock, log, changed }), { onUp, collect: () => undefined });
  const program = findProgram(choice.program);
  if (program === undefined) {
    const remedy = 'Install docker-registry, set RAWORC_REGISTRY_URL, or set RAWORC_REGISTRY=off for a single host.';
    log.warn('registry.missing', { program: choice.program, effect: 'images stay on the nodes that built them', remedy });
    return undefined;
  }
  const place = join(directory, 'registry');
  await makePrivateDirectory(place);
  return Object.assign(new RegistryProcess({ program, directory: place, s3: choice.s3, clock, log, metrics, changed }), { onUp });
}
