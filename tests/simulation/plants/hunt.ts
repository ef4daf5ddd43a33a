/** `node hunt.ts SEED…`: runs seeds until one fails, and prints it as a line of JSON. */
import process from 'node:process';
import { simulate } from '../run.ts';

let found: { readonly seed: number; readonly violation: string } | undefined;
for (const seed of process.argv.slice(2).map(Number)) {
  const { violations } = await simulate({ seed, bail: true });
  if (violations[0] === undefined) continue;
  found = { seed, violation: violations[0] };
  break;
}
process.stdout.write(`${JSON.stringify(found ?? null)}\n`);
process.exit(0);
