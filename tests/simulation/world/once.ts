import type { Answered, Client, Work } from './client.ts';

/**
 * Makes something under a key. The same key and body give the same thing, however often and through whatever crash;
 * another body is refused.
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
  book.made.set(key, first.value.id);
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
  // What was made may be of another life of the store by now.
  return restores === cluster.restores ? first : 'lost';
}
