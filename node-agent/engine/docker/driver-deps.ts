import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Conditions } from '../../conditions.ts';
import type { Command } from '../../volumes/command.ts';
import type { Disks } from '../../volumes/disks.ts';
import type { Driver } from '../driver.ts';
import type { BoundsOptions } from './bounds.ts';
import type { DockerClients } from './client.ts';
import type { ContainerPlaces, Owner } from './container.ts';
import type { DockerBaseImages } from './images/base-images.ts';
import type { MovingNames } from './images/moving-names.ts';
import type { DockerWorkstations } from './workstations/workstations.ts';

/** Blocks traffic from sessions to this machine and to private ranges. */
export interface NetworkGuard {
  apply(): Promise<void>;
  remove(): Promise<void>;
  /** Stops watching the rules but leaves them in force. */
  close(): void;
}

export interface DockerDeps extends Pick<Driver, 'transfer' | 'builds'> {
  readonly clients: DockerClients;
  readonly owner: Owner;
  /** On the host: the guest's files and the Node.js binary that runs them. */
  readonly guestDirectory: string;
  readonly guard: NetworkGuard;
  readonly disks: Disks;
  /** Protects the base images of builds and sessions from the engine's clean-up. */
  readonly baseImages?: DockerBaseImages;
  /** Undefined: sessions are locked. */
  readonly workstations?: DockerWorkstations;
  /** Names that interrupted moves of images left behind are removed. */
  readonly movingNames?: MovingNames;
  readonly metrics?: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  /** An IPv4 range for the sessions' network, if it has to be created. */
  readonly subnet?: string | undefined;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  /** If omitted, containers have only their individual limits. */
  readonly bounds?: BoundsOptions;
  /** The sessions' /etc/resolv.conf; undefined uses Docker's, which names Docker's name server. */
  readonly resolvConf?: () => string | undefined;
  readonly models?: ContainerPlaces['models'];
  /** The runtime of sessions' containers, of those that Docker knows. Undefined: Docker's default. */
  readonly runtime?: string | undefined;
  /** The limit of open files for one process of a session. */
  readonly openFiles?: number;
  /** Runs programs of the host. If undefined, containers can reach Docker's name server. */
  readonly run?: Command;
}
