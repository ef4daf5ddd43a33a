/** Randomness and ids, injected, so that a seed repeats a simulated run. */
export interface Random {
  uuid(): string;
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}
