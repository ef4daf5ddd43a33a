/** The contract as a table: for each operation, a call that works and who is allowed to make it. */
import type { Rest } from '../cluster/rest.ts';
import type { Person } from './people.ts';

/** The suite's space with an agent and a build, in which rows create what they need. */
export interface Stage {
  /** As an admin. */
  readonly admin: Rest;
  /** An admin of the space alone, whose tokens and password stay. */
  readonly somebody: Person;
  readonly space: string;
  readonly agent: string;
  readonly build: string;
  readonly node: string;
  readonly archive: Uint8Array<ArrayBuffer>;
  /** A name that nothing has. */
  unique(word: string): string;
  /** The body of an answer of 201, of which the suite cleans up. */
  made(path: string, body: object): Promise<Readonly<Record<string, unknown>>>;
}

export interface Call {
  readonly place?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly raw?: Uint8Array<ArrayBuffer>;
  /** Who makes the call that works, where it would cost the admin the token. */
  readonly token?: string;
}

export interface Row {
  /** As in the document: "GET /spaces/{name}". */
  readonly operation: string;
  /**
   * `public`; `self` for any login; else what is needed, "sessions:get", several with a blank
   * between.
   */
  readonly permission: string;
  /** Whether the permission is judged in a space. */
  readonly inSpace: boolean;
  /**
   * What comes of it for those who may. No success where only a node of the test's own could bring
   * one.
   */
  readonly status: number;
  /** For members of the space without permission: 403, or 404 if they cannot see the object. */
  readonly without: number;
  /** For admins of another space. */
  readonly outside: number;
  /** A call that works once. */
  readonly call: (stage: Stage) => Promise<Call> | Call;
}

type Options = Partial<Pick<Row, 'without' | 'outside'>>;

/** Needs the permission in all spaces. */
export const everywhere = (operation: string, permission: string, status: number, call: Row['call'], options: Options = {}): Row => ({
  ...{ operation, permission, status, call, inSpace: false, without: 403, outside: 403 },
  ...options,
});

/** Needs the permission in the suite's space. For others, its contents do not exist. */
export const within = (operation: string, permission: string, status: number, call: Row['call'], options: Options = {}): Row => ({
  ...{ operation, permission, status, call, inSpace: true, without: 403, outside: 404 },
  ...options,
});

/** Every account, with or without permissions. */
export const anybody = (operation: string, permission: 'public' | 'self', status: number, call: Row['call'] = () => ({})): Row => ({
  ...{ operation, permission, status, call, inSpace: false, without: status, outside: status },
});
