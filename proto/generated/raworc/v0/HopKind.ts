// Original file: delivery.proto

export const HopKind = {
  HOP_KIND_UNSPECIFIED: 'HOP_KIND_UNSPECIFIED',
  /**
   * the caller waits for the answer
   */
  ASK: 'ASK',
  /**
   * its answer takes the place of the caller's
   */
  HANDOFF: 'HANDOFF',
} as const;

export type HopKind =
  | 'HOP_KIND_UNSPECIFIED'
  | 0
  /**
   * the caller waits for the answer
   */
  | 'ASK'
  | 1
  /**
   * its answer takes the place of the caller's
   */
  | 'HANDOFF'
  | 2

export type HopKind__Output = typeof HopKind[keyof typeof HopKind]
