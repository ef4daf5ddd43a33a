/** Counts the words of a session's messages. Node.js leaves out the types and runs the rest: nothing is compiled. */
interface Context {
  readonly session_id: string;
  readonly history: readonly { readonly role: 'user' | 'agent' | 'system'; readonly content: string }[];
}

type Counts = ReadonlyMap<string, number>;

const wordsIn = (text: string): string[] => text.toLowerCase().match(/\p{L}+/gu) ?? [];

function count(words: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

export function processMessage(message: string, { history }: Context): string {
  const earlier = history.filter(({ role }) => role === 'user').map(({ content }) => content);
  const counts = [...count([...earlier, message].flatMap(wordsIn))];
  const top = counts.sort(([a, one], [b, other]) => other - one || a.localeCompare(b)).slice(0, 3);
  return top.map(([word, times]) => `${word} ${times}`).join('\n') || 'Say a word.';
}
