/** Randomness and ids, handed in, so that a simulated run is repeated by its seed. */
export interface Random {
  uuid(): string;
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}
