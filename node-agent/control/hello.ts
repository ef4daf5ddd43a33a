import { createHash } from 'node:crypto';
import { BUILD_FEATURES } from '../../proto/build-features.ts';
import type { NodeFrame } from '../../proto/frame.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';
import type { Capacity, Driver } from '../engine/driver.ts';
import type { Ledger } from '../ledger/ledger.ts';

export interface HelloDeps {
  readonly driver: Pick<Driver, 'kind' | 'transfer' | 'facts' | 'profiles'>;
  readonly ledger: Pick<Ledger, 'epoch' | 'boot'>;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly version: string;
  readonly hostname: string;
  /** Fingerprint of its hardware. Default: unknown. */
  readonly machine?: string;
}

/** Returns the first frame of a stream. */
export function helloFrame({ driver, ledger, version, ...node }: HelloDeps, capacity: Required<Capacity>): NodeFrame {
  const { clusterId, incarnation, hostname, machine = '' } = node;
  return {
    kind: 'hello',
    value: {
      ...namedVersions(NODE_PROTOCOL),
      agentVersion: version,
      clusterId,
      epoch: ledger.epoch,
      incarnation,
      boot: ledger.boot,
      driver: driver.kind,
      capacity,
      hostname,
      movesImages: driver.transfer !== undefined,
      removesImages: true,
      cancelsMessages: true,
      takesSlots: true,
      buildFeatures: [...BUILD_FEATURES],
      profiles: [...(driver.profiles ?? [])],
      machine,
      engine: engineOf(machine, driver.facts?.id ?? ''),
      platform: driver.facts?.platform ?? '',
    },
  };
}

/** A copied disk has the same engine, on another machine. */
const engineOf = (machine: string, id: string): string =>
  machine === '' || id === '' ? '' : createHash('sha256').update(`${machine}\n${id}`).digest('hex').slice(0, 32);
