// Original file: delivery.proto

export const Outcome = {
  OUTCOME_UNSPECIFIED: 'OUTCOME_UNSPECIFIED',
  REPLY: 'REPLY',
  ERROR: 'ERROR',
} as const;

export type Outcome =
  | 'OUTCOME_UNSPECIFIED'
  | 0
  | 'REPLY'
  | 1
  | 'ERROR'
  | 2

export type Outcome__Output = typeof Outcome[keyof typeof Outcome]
