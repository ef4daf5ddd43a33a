// Original file: node.proto

export const BuildPhase = {
  BUILD_PHASE_UNSPECIFIED: 'BUILD_PHASE_UNSPECIFIED',
  BUILD_BUILDING: 'BUILD_BUILDING',
  BUILD_COMPLETED: 'BUILD_COMPLETED',
  BUILD_FAILED: 'BUILD_FAILED',
} as const;

export type BuildPhase =
  | 'BUILD_PHASE_UNSPECIFIED'
  | 0
  | 'BUILD_BUILDING'
  | 1
  | 'BUILD_COMPLETED'
  | 2
  | 'BUILD_FAILED'
  | 3

export type BuildPhase__Output = typeof BuildPhase[keyof typeof BuildPhase]
