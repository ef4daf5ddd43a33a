// Original file: delivery.proto

export const Stream = {
  STREAM_UNSPECIFIED: 'STREAM_UNSPECIFIED',
  STDOUT: 'STDOUT',
  STDERR: 'STDERR',
} as const;

export type Stream =
  | 'STREAM_UNSPECIFIED'
  | 0
  | 'STDOUT'
  | 1
  | 'STDERR'
  | 2

export type Stream__Output = typeof Stream[keyof typeof Stream]
