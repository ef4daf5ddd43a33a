import process from 'node:process';

/** `npm run test:size` sets RAWORC_SIZE=long. Without it, as in `npm test`, the size tests run in their short form. */
const isLong = process.env.RAWORC_SIZE === 'long';

/** Returns the amount for the form in which the size tests run. */
export function scaled<Amount>({ short, long }: { readonly short: Amount; readonly long: Amount }): Amount {
  return isLong ? long : short;
}

/** How many milliseconds a test of this folder may take, for `t.setTimeout`. */
export const TIME_LIMIT_MS = scaled({ short: 240_000, long: 1_500_000 });
