import type { Answered, Client, Work } from './client.ts';
import type { Cluster } from './cluster.ts';

/**
 * Creates something under a key. The same key and body return the same object, however often and
 * after any crash; another body is refused.
 */
export async function makeOnce<T extends { readonly id: string }>(
  client: Client,
  what: string,
  body: object,
  work: (body: object, key: { key: string; body: string }) => Work<T>,
): Promise<Answered<T>> {
  const { book, random, cluster } = client;
  const { restores } = cluster;
  const key = client.fresh();
  const idempotency = { key, body: JSON.stringify(body) };
  const first = await client.insist(what, work(body, idempotency));
  if (first === 'lost' || !first.ok) return first;
  book.made.set(key, { id: first.value.id, by: client.name, restores, what, again: work(body, idempotency) });
  if (random.chance(0.15)) {
    const again = await client.ask(`${what} again`, work(body, idempotency));
    const isSame = again === 'lost' || !again.ok || again.value.id === first.value.id;
    if (!isSame && restores === cluster.restores) client.violation(`the key ${key} made two things`);
    if (again !== 'lost' && !again.ok && again.refusal.code !== 'NOT_FOUND') client.violation(`${what} again: ${again.refusal.code}`);
  }
  if (random.chance(0.05)) {
    const other = await client.ask(`${what} with another body`, work(body, { key, body: `${idempotency.body} ` }));
    const code = other === 'lost' ? 'lost' : other.ok ? 'ok' : other.refusal.code;
    if (!['lost', 'UNPROCESSABLE_ENTITY', 'NOT_FOUND'].includes(code) && restores === cluster.restores)
      client.violation(`${what} with a used key and another body: ${code}`);
  }
  // The object can belong to another epoch of the store by now.
  return restores === cluster.restores ? first : 'lost';
}

/** Repeats an earlier create: the object is the same, or gone. */
export async function repeat(client: Client): Promise<void> {
  const { book, cluster, random } = client;
  const { restores } = cluster;
  const made = random.pick([...book.made.values()].filter(({ by }) => by === client.name));
  if (made === undefined || made.restores !== restores) return;
  const again = await client.ask(`${made.what}, repeated`, made.again);
  if (again === 'lost' || restores !== cluster.restores) return;
  if (again.ok && again.value.id !== made.id) client.violation(`${made.what} made ${made.id}, and repeated ${again.value.id}`);
  if (!again.ok && again.refusal.code !== 'NOT_FOUND') client.violation(`${made.what}, repeated: ${again.refusal.code}`);
}

/** Objects with the client's texts and names exist once. */
export function judgeOnce({ view, chronicle, violation }: Cluster): void {
  const named = new Map<string, string>();
  for (const { id, name, desired } of chronicle.sessions.values()) {
    if (name !== null && named.has(name)) violation(`${id} and ${named.get(name)} are both ${name}`);
    if (name !== null) named.set(name, id);
    if (desired === 'deleted') continue;
    const said = new Set<string>();
    for (const { role, content, seq } of view.messagesBefore(id, Number.MAX_SAFE_INTEGER, 100_000)) {
      if (role !== 'user') continue;
      if (said.has(content)) violation(`${content} is twice in ${id}, once as ${seq}`);
      said.add(content);
    }
  }
}
