import { z } from 'zod';
import { fields, flag, type Infer, text, whole, wording } from './fields.ts';
import { wordParameter } from './parameters.ts';
import { COMMAND_USERS } from './profiles.ts';

/** Bounds of one command. */
export const EXEC_BOUNDS = {
  arguments: 1000,
  argumentCharacters: 128 * 1024 - 1,
  variables: 200,
  stdinCharacters: 1024 * 1024,
  timeoutMs: 24 * 3600 * 1000,
  outputBytes: 16 * 1024 * 1024,
} as const;
export const DEFAULT_EXEC = { timeoutMs: 60_000, outputBytes: 1024 * 1024 } as const;

const argument = () => text(EXEC_BOUNDS.argumentCharacters).refine((sent) => !sent.includes('\0'), 'must not contain a NUL character');

/** What every program that is started in a session has. */
export const commandFields = {
  command: argument().min(1, 'must not be empty').exactOptional().describe('A line for /bin/sh. Send this or argv'),
  argv: z
    .array(argument(), { error: wording })
    .min(1, 'must not be empty')
    .max(EXEC_BOUNDS.arguments, `must have at most ${EXEC_BOUNDS.arguments} items`)
    .refine(([program]) => program !== '', 'must begin with the program')
    .exactOptional()
    .describe('The program and its arguments, without a shell'),
  cwd: argument().exactOptional().describe('Default: /session/workspace, which relative ones begin at'),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of a variable'), argument(), {
      error: () => 'must be an object of strings',
    })
    .refine((sent) => Object.keys(sent).length <= EXEC_BOUNDS.variables, `must have at most ${EXEC_BOUNDS.variables} variables`)
    .exactOptional()
    .describe("Further variables. The space's secrets are not among them"),
  user: z
    .enum(COMMAND_USERS, { error: () => `must be ${COMMAND_USERS.join(' or ')}` })
    .exactOptional()
    .describe('Only in sessions of the profile workstation. Default: user'),
  wake: flag().exactOptional().describe('Whether a paused or suspended session is resumed. Default: true'),
};

export const execCommand = fields({
  ...commandFields,
  stdin: text(EXEC_BOUNDS.stdinCharacters).exactOptional().describe('Default: empty'),
  timeout_ms: whole(1, EXEC_BOUNDS.timeoutMs)
    .exactOptional()
    .describe(`The command is killed then, with all that it started. Default: ${DEFAULT_EXEC.timeoutMs}`),
  max_output_bytes: whole(0, EXEC_BOUNDS.outputBytes)
    .exactOptional()
    .describe(`Of stdout and of stderr; what is beyond is dropped. Default: ${DEFAULT_EXEC.outputBytes}. Without effect on streams`),
  encoding: z
    .enum(['utf8', 'base64'], { error: 'must be utf8 or base64' })
    .exactOptional()
    .describe('Of the output. Default: utf8, with U+FFFD for what is none'),
});
export type ExecCommand = Infer<typeof execCommand>;

export const execQuery = z.object({
  stream: wordParameter(['sse'], 'Sends the output as it comes, as a text/event-stream, or as frames if Accept names those'),
});

/**
 * Media type of output as frames: one byte for the kind, the length of the content (32 bits,
 * big-endian), and the content: at most 64 KiB.
 */
export const FRAMES_TYPE = 'application/vnd.raworc.frames';
/**
 * Kinds of those frames. `stdout` and `stderr` have bytes, the end is an `exit` or an `error`, as
 * JSON, and `ping` has no content.
 */
export const FRAME_KINDS = { stdout: 0, stderr: 1, exit: 2, error: 3, ping: 4 } as const;

export const execObject = z
  .strictObject({
    exit_code: z.int().nullable().describe('Null: ended by a signal'),
    signal: z.string().nullable(),
    timed_out: z.boolean(),
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean().describe('Whether output beyond max_output_bytes was dropped'),
    duration_ms: z.int().min(0),
  })
  .meta({ id: 'ExecResult' });
export type ExecObject = Infer<typeof execObject>;
