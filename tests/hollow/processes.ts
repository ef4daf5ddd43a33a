/**
 * What a pretended guest does with processes: each repeats its input, to its first or second output,
 * and ends with the line `exit`. Only `nowhere` cannot be started.
 */
import { PassThrough, Writable } from 'node:stream';
import { ProcessTable } from '../../guest/processes/process-table.ts';
import { processesStream, processStream } from '../../guest/streams/processes.ts';
import type { StreamKinds } from '../../guest/streams/stream-kinds.ts';
import { PROCESS, PROCESSES } from '../../proto/streams/process-stream.ts';
import { systemClock } from '../../seams/system.ts';

export function pretendedProcesses(): { readonly kinds: StreamKinds; close(): void } {
  let last = 0;
  const table = new ProcessTable({
    clock: systemClock,
    async start({ argv, pty }) {
      if (argv.includes('nowhere')) return { fault: 'There is no program nowhere.' };
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      let end: (how: { exitCode: number | null; signal: string | null }) => void = () => undefined;
      const ended = new Promise<{ exitCode: number | null; signal: string | null; fault: string }>((resolve) => {
        end = (how) => {
          stdout.end();
          stderr.end();
          resolve({ ...how, fault: '' });
        };
      });
      const stdin = new Writable({
        write(chunk: Buffer, _encoding, done) {
          stdout.write(chunk);
          if (/^exit\s/m.test(String(chunk))) end({ exitCode: 0, signal: null });
          done();
        },
        final(done) {
          end({ exitCode: 0, signal: null });
          done();
        },
      });
      last += 1;
      const signal = (name: string) => end({ exitCode: null, signal: name });
      const command = { pid: last, stdin, stdout, stderr, ended, signal, kill: () => signal('SIGKILL'), leave: () => undefined };
      return { pid: last, argv, command: pty === null ? command : { ...command, resize: () => undefined } };
    },
  });
  return { kinds: { [PROCESSES]: processesStream(table), [PROCESS]: processStream(table) }, close: () => table.close() };
}
