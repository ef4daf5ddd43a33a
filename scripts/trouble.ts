/** What stops a script: one sentence, and the remedy in another. Everything else that is thrown is a defect. */
export class Trouble extends Error {
  readonly remedy: string;

  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'Trouble';
    this.remedy = remedy;
  }
}

/** The message of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
