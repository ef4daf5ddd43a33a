/** What a pretended guest does with a command: it prints it, and its input; `exit N` ends with N. */
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { encodeExec, execRequest } from '../../proto/streams/exec-stream.ts';

export function pretendExec(stream: ByteStream, parameters: unknown): void {
  const { argv, timeoutMs } = execRequest(parameters);
  const [, , line = argv.join(' ')] = argv[0] === '/bin/sh' ? argv : [];
  const end = { exitCode: Number(/^exit (\d+)$/.exec(line)?.[1] ?? 0), signal: null, timedOut: false, fault: '', durationMs: 1 };
  if (line === 'nowhere')
    return void stream.end(encodeExec({ kind: 'end', end: { ...end, exitCode: 127, fault: 'There is no program nowhere.' } }));
  stream.once('data', (first: Buffer) => {
    stream.unshift(first.subarray(1));
    proceed();
  });
  const proceed = () => {
    stream.write(encodeExec({ kind: 'stdout', bytes: Buffer.from(`ran ${line} `) }));
    if (line === 'forever') return void setTimeout(() => stream.destroy(), timeoutMs).unref();
    stream.on('data', (bytes: Buffer) => stream.write(encodeExec({ kind: 'stderr', bytes })));
    stream.on('end', () => stream.end(encodeExec({ kind: 'end', end })));
  };
}
