import process from 'node:process';
import { complain } from './terminal.mjs';
import { reasonOf, Trouble } from './trouble.ts';

/**
 * Runs a script's main function and exits with its answer. Trouble is one line with its remedy; a defect shows its stack.
 * The process is ended rather than left to drain: a script's answer is known once `main` has returned.
 */
export function runProgram(main: (args: readonly string[]) => Promise<number>): void {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (error instanceof Trouble) complain(error.message, error.remedy);
      else
        complain(
          `Something went wrong inside: ${error instanceof Error ? (error.stack ?? error.message) : reasonOf(error)}`,
          'please report it',
        );
      process.exit(1);
    },
  );
}
