import type { AuditObject } from '../../controller/contract/audit.ts';
import type { Rest } from '../cluster/rest.ts';
import type { Operation } from '../contract/document.ts';
import type { Got } from '../contract/judge.ts';
import type { Sent } from './connection.ts';

/** What a 201 or 204 of these need not have changed: it was so already. */
const MAY_CHANGE_NOTHING: ReadonlySet<string> = new Set([
  'POST /spaces/{name}/build',
  'PUT /spaces/{name}/agents/{agent}/source',
  'DELETE /sessions/{id}/messages',
]);

/** Holds every change that was answered against the audit record. */
export class Records {
  /** By request id: what it was, and whether something has changed. */
  readonly #answered = new Map<string, { readonly what: string; readonly isChange: boolean }>();
  /** By outcome: a request can wake a session, and be refused when its token ends meanwhile. */
  readonly #found = { ok: new Map<string, number>(), refused: new Map<string, number>() };
  #read = 0;
  judged = 0;

  answered({ name, method }: Operation, { headers: sent }: Sent, { status, headers }: Got): void {
    const id = headers['x-request-id'];
    const own = Object.keys(sent).map((header) => header.toLowerCase());
    // An id that the client gave may be another request's, too; a key may stand for what was made before.
    if (method === 'GET' || typeof id !== 'string' || own.includes('x-request-id') || own.includes('idempotency-key')) return;
    const isChange = (status === 201 || status === 204) && !MAY_CHANGE_NOTHING.has(name);
    this.#answered.set(id, { what: `${name}: ${status}, request ${id}`, isChange });
  }

  /** What is wrong, once nothing is under way. */
  async faults(root: Rest): Promise<readonly string[]> {
    for (;;) {
      const { status, body } = await root.call('GET', `/audit?order=asc&limit=1000&offset=${this.#read}`);
      if (status !== 200) throw new Error(`the audit record cannot be read: ${status}`);
      const records = body as readonly AuditObject[];
      if (records.length === 0) break;
      this.#read += records.length;
      for (const { request_id: id, outcome } of records)
        if (id !== null) this.#found[outcome].set(id, (this.#found[outcome].get(id) ?? 0) + 1);
    }
    const faults = [...this.#answered].flatMap(([id, { what, isChange }]) => {
      const [ok, refused] = [this.#found.ok.get(id) ?? 0, this.#found.refused.get(id) ?? 0];
      return ok > 1 || refused > 1 || (isChange && ok === 0)
        ? [`${what}, has ${ok} audit records of changes and ${refused} of refusals`]
        : [];
    });
    this.judged += [...this.#answered.values()].filter(({ isChange }) => isChange).length;
    this.#answered.clear();
    this.#found.ok.clear();
    this.#found.refused.clear();
    return faults;
  }
}
