// Original file: node.proto

export const Phase = {
  PHASE_UNSPECIFIED: 'PHASE_UNSPECIFIED',
  /**
   * being created, or its guest has not connected yet
   */
  STARTING: 'STARTING',
  /**
   * the guest answers
   */
  RUNNING: 'RUNNING',
  PAUSED: 'PAUSED',
  /**
   * no container; the volume stays
   */
  SUSPENDED: 'SUSPENDED',
  FAILED: 'FAILED',
} as const;

export type Phase =
  | 'PHASE_UNSPECIFIED'
  | 0
  /**
   * being created, or its guest has not connected yet
   */
  | 'STARTING'
  | 1
  /**
   * the guest answers
   */
  | 'RUNNING'
  | 2
  | 'PAUSED'
  | 3
  /**
   * no container; the volume stays
   */
  | 'SUSPENDED'
  | 4
  | 'FAILED'
  | 5

export type Phase__Output = typeof Phase[keyof typeof Phase]
