import type { Outcome } from '../../domain/engine/outcome.ts';
import { sendJson, sendNothing, sendRefusal } from '../answers.ts';
import type { ControlExchange } from '../exchange.ts';
import { parsed } from './requests.ts';

/** Returns the parsed body, or undefined once a refusal has been sent. */
export async function bodyOf<Schema extends Parameters<typeof parsed>[0]>(
  exchange: ControlExchange,
  schema: Schema,
): Promise<ReturnType<Schema['parse']> | undefined> {
  const bytes = await exchange.body();
  if (bytes === undefined) return undefined;
  const found = parsed(schema, bytes);
  if (found.ok) return found.value as ReturnType<Schema['parse']>;
  sendRefusal(exchange.res, found.refusal);
  return undefined;
}

export function answer<T>({ res }: ControlExchange, outcome: Outcome<T>, status: number, body: (value: T) => unknown): void {
  if (outcome.ok) sendJson(res, status, body(outcome.value));
  else sendRefusal(res, outcome.refusal);
}

export function nothing({ res }: ControlExchange, outcome: Outcome<unknown>): void {
  if (outcome.ok) sendNothing(res);
  else sendRefusal(res, outcome.refusal);
}
