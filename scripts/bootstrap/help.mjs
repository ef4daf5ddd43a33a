/** What programs would say themselves, if everything were installed. */
const texts = {
  up: `npm run up            brings up a whole Raworc on this machine: installs what is missing, starts a controller
                      and two nodes, and has a first conversation. Then shows its logs until Ctrl-C.
npm run up -- --once  ends after the conversation; exits 0 only if the reply came.

It needs root and Debian or Ubuntu. Data is in data/, and npm run clean removes it.
`,
  test: `npm test              runs everything.
npm test -- WORD…     runs the test files whose path contains a word.
`,
};

/** Returns the help that the arguments ask for, or undefined. */
export function helpFor(name, rest) {
  return rest.includes('--help') || rest.includes('-h') ? texts[name] : undefined;
}
