import { z } from 'zod';
import { commandFields } from './exec.ts';
import { fields, flag, type Infer, time, whole } from './fields.ts';
import { flagParameter, wholeParameter } from './parameters.ts';

export const MAX_TERMINAL_SIDE = 10_000;
/** Signals that can be sent to a process. */
export const PROCESS_SIGNALS = ['HUP', 'INT', 'QUIT', 'KILL', 'USR1', 'USR2', 'TERM', 'CONT', 'STOP', 'TSTP', 'WINCH'] as const;

const size = {
  cols: whole(1, MAX_TERMINAL_SIDE),
  rows: whole(1, MAX_TERMINAL_SIDE),
};

export const startProcess = fields({
  ...commandFields,
  argv: commandFields.argv.describe('The program and its arguments, without a shell. Without this and command: the shell'),
  pty: fields(size).exactOptional().describe('Starts the program on a terminal of this size. Default: with pipes'),
  stdin: flag().exactOptional().describe('Whether standard input is open. Default: true. Without effect on terminals'),
  on_disconnect: z
    .enum(['nothing', 'kill'], { error: () => 'must be nothing or kill' })
    .exactOptional()
    .describe('What becomes of the process when the last attachment ends, whatever ended it. Default: nothing'),
  keep_awake: flag().exactOptional().describe('Whether the session counts as in use while the process runs. Default: false'),
});
export type StartProcessInput = Infer<typeof startProcess>;

export const signalProcess = fields({
  signal: z.enum(PROCESS_SIGNALS, { error: () => `must be one of ${PROCESS_SIGNALS.join(', ')}` }),
});

export const resizeProcess = fields(size);

export const attachQuery = z.object({
  offset: wholeParameter(
    0,
    Number.MAX_SAFE_INTEGER,
    'Offset of the first byte of output that is wanted. If absent, output begins with what comes next',
  ),
  started_at: wholeParameter(0, 8.64e15, '`started_at_ms` of the process, when attaching again: another process can have its id by now'),
  wake: flagParameter('Whether a paused session is resumed. Default: true'),
});
export type AttachQuery = Infer<typeof attachQuery>;

export const processObject = z
  .strictObject({
    id: z.int().describe('The process id inside the session'),
    command: z.string().describe('Cut after 1,024 characters'),
    pty: z.strictObject({ cols: z.int(), rows: z.int() }).nullable().describe('Null: with pipes'),
    on_disconnect: z.enum(['nothing', 'kill']),
    stdin_open: z.boolean(),
    attached: z.int().describe('Number of attachments'),
    output_from: z.int().describe('Offset of the oldest byte of output that is kept'),
    output_bytes: z.int().describe('Offset of the next byte of output'),
    running: z.boolean(),
    exit_code: z.int().nullable(),
    signal: z.string().nullable().describe('The signal that ended it'),
    started_at: time(),
    started_at_ms: z.int().describe('The same, for `started_at` of an attach'),
    ended_at: time().nullable(),
  })
  .meta({ id: 'Process' });
export type ProcessObject = Infer<typeof processObject>;
