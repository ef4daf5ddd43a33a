// Original file: node.proto

export const Desired = {
  DESIRED_UNSPECIFIED: 'DESIRED_UNSPECIFIED',
  DESIRED_RUNNING: 'DESIRED_RUNNING',
  DESIRED_PAUSED: 'DESIRED_PAUSED',
  DESIRED_SUSPENDED: 'DESIRED_SUSPENDED',
  /**
   * no container; the volume stays
   */
  DESIRED_FAILED: 'DESIRED_FAILED',
} as const;

export type Desired =
  | 'DESIRED_UNSPECIFIED'
  | 0
  | 'DESIRED_RUNNING'
  | 1
  | 'DESIRED_PAUSED'
  | 2
  | 'DESIRED_SUSPENDED'
  | 3
  /**
   * no container; the volume stays
   */
  | 'DESIRED_FAILED'
  | 4

export type Desired__Output = typeof Desired[keyof typeof Desired]
