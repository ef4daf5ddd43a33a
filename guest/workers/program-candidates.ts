/** Returns where a native agent's program can be, in its directory, first choice first. */
export const programCandidates = (name: string, handler: string): readonly string[] =>
  [handler, `target/release/${handler}`, `target/release/${name}`, `bin/${name}`, name, 'run'].filter(
    (path) => path !== '' && !path.endsWith('/'),
  );
