/**
 * What a node agent can do in builds, named in its hello. A build that needs more is given to another
 * node.
 */
export const BUILD_FEATURES = ['cancel', 'git', 'logs', 'same'] as const;
export type BuildFeature = (typeof BUILD_FEATURES)[number];

/** Returns the features of a hello that this release knows. */
export const knownFeatures = (words: readonly string[]): ReadonlySet<BuildFeature> =>
  new Set(BUILD_FEATURES.filter((feature) => words.includes(feature)));
