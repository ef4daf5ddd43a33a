// Original file: node.proto

export const Phase = {
  PHASE_UNSPECIFIED: 'PHASE_UNSPECIFIED',
  /**
   * being made, or its guest has not spoken yet
   */
  STARTING: 'STARTING',
  /**
   * the guest answers
   */
  RUNNING: 'RUNNING',
  PAUSED: 'PAUSED',
  /**
   * no container, the volume kept
   */
  SUSPENDED: 'SUSPENDED',
  FAILED: 'FAILED',
} as const;

export type Phase =
  | 'PHASE_UNSPECIFIED'
  | 0
  /**
   * being made, or its guest has not spoken yet
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
   * no container, the volume kept
   */
  | 'SUSPENDED'
  | 4
  | 'FAILED'
  | 5

export type Phase__Output = typeof Phase[keyof typeof Phase]
