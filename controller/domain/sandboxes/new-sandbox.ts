import { type Mutation, put } from '../engine/mutation.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { SandboxRow } from './rows.ts';

/** What a new session is as a sandbox. */
export type NewSandbox = Omit<SandboxRow, 'id' | 'spaceId' | 'createdAt' | 'timeoutAt' | 'generation'>;

/** Returns the row that makes a new session a sandbox, in the same commit. */
export function sandboxOf(sandbox: NewSandbox | undefined, { id, spaceId, createdAt, generation }: SessionRow): readonly Mutation[] {
  return sandbox === undefined ? [] : [put('sandboxes', { ...sandbox, id, spaceId, createdAt, timeoutAt: createdAt, generation })];
}
