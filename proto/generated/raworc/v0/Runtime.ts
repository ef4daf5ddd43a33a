// Original file: delivery.proto

export const Runtime = {
  RUNTIME_UNSPECIFIED: 'RUNTIME_UNSPECIFIED',
  PYTHON: 'PYTHON',
  NODE: 'NODE',
  NATIVE: 'NATIVE',
} as const;

export type Runtime =
  | 'RUNTIME_UNSPECIFIED'
  | 0
  | 'PYTHON'
  | 1
  | 'NODE'
  | 2
  | 'NATIVE'
  | 3

export type Runtime__Output = typeof Runtime[keyof typeof Runtime]
