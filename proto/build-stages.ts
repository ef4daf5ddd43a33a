/** The stages of a build, in their usual order. `push` follows the build, on demand. */
export const BUILD_STAGES = ['fetch', 'resolve', 'install', 'image', 'check', 'push'] as const;
export type BuildStage = (typeof BUILD_STAGES)[number];

export const isBuildStage = (word: string): word is BuildStage => BUILD_STAGES.some((stage) => stage === word);
