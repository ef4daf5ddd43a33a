import type { ChildProcess } from 'node:child_process';

/** Returns the child's next message that has this key. Rejects if the child exits first. */
export function childMessage(child: ChildProcess, key: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const take = (message: unknown) => {
      if (typeof message !== 'object' || message === null || !(key in message)) return;
      child.off('message', take).off('exit', exited);
      resolve(message);
    };
    const exited = (code: number | null, signal: string | null) => reject(new Error(`the child exited with ${code ?? signal}`));
    child.on('message', take).on('exit', exited);
  });
}
