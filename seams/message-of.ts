/** What went wrong, as an error says it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
