import type { BuildRow } from './rows.ts';

/** What a node agent can do in builds, beyond copying uploads and installing what they depend on. */
export type BuildFeature = 'cancel' | 'git' | 'logs' | 'same';

/** Returns what a node must be able to do for a build. Node agents of older releases can do less. */
export const featuresNeeded = ({ unfetched }: Pick<BuildRow, 'agents' | 'unfetched'>): readonly BuildFeature[] =>
  unfetched.length > 0 ? ['git'] : [];

/** Returns what a build needs that a node cannot do. */
export const lackedFeatures = (
  features: ReadonlySet<string> | undefined,
  build: Parameters<typeof featuresNeeded>[0],
): readonly BuildFeature[] => featuresNeeded(build).filter((feature) => features?.has(feature) !== true);
