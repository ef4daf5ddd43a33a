import type { Readable } from 'node:stream';
import type { CheckedSource } from '../../domain/agents/commands/put-source.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { EndTurn } from '../budget/turns.ts';

/** Uploaded and checked sources by digest. */
export interface SourceStore {
  /**
   * Receives an archive, waits for its turn and checks it. A refused archive leaves nothing behind.
   */
  receive(body: Readable, claim: SourceClaim, turn: () => Promise<EndTurn | undefined>): Promise<Outcome<ReceivedSource>>;
  /** Deletes an unreferenced source. */
  remove(digest: string): Promise<void>;
  /** Returns the digests of all stored sources. */
  kept(): Promise<readonly string[]>;
}

/** Called before bytes are accepted; a refusal ends the upload. */
export interface SourceClaim {
  /** Bytes as they arrive. */
  packed(bytes: number): Outcome<unknown>;
  /** Bytes to be written to disk. */
  spooled(bytes: number): Outcome<unknown> | Promise<Outcome<unknown>>;
}

/** A checked archive that is not stored yet. Call one of the methods, once. */
export interface ReceivedSource {
  readonly source: CheckedSource;
  keep(): Promise<void>;
  discard(): Promise<void>;
}
