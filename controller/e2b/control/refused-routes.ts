import { sendError } from '../answers.ts';

const KINDS: readonly (readonly [path: RegExp, what: string])[] = [
  [/^\/(v\d+\/)?templates(\/|$)/, 'builds no templates. Build an image, and allow it in the settings of the space'],
  [/^\/(v\d+\/)?(volumes|volumecontent)(\/|$)/, 'has no volumes of E2B. A sandbox keeps its own disk'],
  [/^\/(v\d+\/)?secrets(\/|$)/, 'keeps no secrets of E2B. Use the secrets of a space'],
  [/^\/(v\d+\/)?teams(\/|$)/, 'has no teams of E2B. Use spaces'],
  [/^\/(v\d+\/)?sandboxes\/[^/]+\/logs$/, 'keeps no log of a sandbox. Read the output of its commands'],
];

/** Answers for parts of the API of E2B that Raworc does not have, or returns false for other paths. */
export function refusedPath(path: string, res: Parameters<typeof sendError>[0]): boolean {
  const found = KINDS.find(([pattern]) => pattern.test(path));
  if (found === undefined) return false;
  sendError(res, 400, `Raworc ${found[1]}.`);
  return true;
}
