/** Whether a subject matches a pattern, as NATS has it: `*` is exactly one token, `>` at the end one or more. */
export function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, want] of wanted.entries()) {
    const token = tokens[index];
    if (token === undefined) return false;
    if (want === '>') return index === wanted.length - 1;
    if (want !== '*' && want !== token) return false;
  }
  return wanted.length === tokens.length;
}
