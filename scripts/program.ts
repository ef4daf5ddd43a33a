import process from 'node:process';
import { complain } from './terminal.ts';

/** An expected failure of a script: what happened, and what to do. Any other error is a bug. */
export class Trouble extends Error {
  readonly remedy: string;

  constructor(what: string, remedy: string) {
    super(what);
    this.name = 'Trouble';
    this.remedy = remedy;
  }
}

/** Returns the message of anything thrown. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Runs a script's main function and exits with its result, even if something still holds the event
 * loop.
 */
export function runProgram(main: (args: readonly string[]) => Promise<number>): void {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (error instanceof Trouble) complain(error.message, error.remedy);
      else complain(`Internal error: ${error instanceof Error ? error.stack : String(error)}`, 'please report it');
      process.exit(1);
    },
  );
}

/** Returns whether the only allowed argument was given; throws for any other. */
export function hasFlag(args: readonly string[], flag: string, command: string): boolean {
  const unknown = args.find((arg) => arg !== flag);
  if (unknown !== undefined)
    throw new Trouble(`npm run ${command} does not accept ${unknown}`, `npm run ${command}, or npm run ${command} -- ${flag}`);
  return args.includes(flag);
}
