/** Each operation once as it should be, with each fault that every one of its kind must refuse, and by callers who may not. */

import type { Operation, Schema } from '../contract/document.ts';
import type { CallerName } from './callers.ts';
import type { Asking, Fuzz } from './fuzz.ts';
import { kindOf, type Place } from './pools.ts';

const MAY_LESS: readonly CallerName[] = ['narrow', 'viewer', 'developer', 'nobody', 'foreign'];
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const HUGE = `{"x":"${'y'.repeat(2 ** 20)}"}`;

export async function everyFault(fuzz: Fuzz): Promise<void> {
  for (const operation of fuzz.operations) {
    const { name } = operation;
    const ask = (status: number, place: Place, body: unknown, more: Asking = {}) =>
      operation.answers.has(status) && !fuzz.reached.has(operation, status) ? fuzz.ask(name, place, body, more) : undefined;
    const place = placeIn(fuzz, operation);
    const json = (body: string, mediaType = 'application/json') => ({ raw: { body, mediaType } });
    await ask(401, place, operation.body?.example, { as: 'none' });
    if (operation.body?.mediaType === 'application/json' || operation.body === undefined) {
      await ask(400, place, undefined, json('{'));
      await ask(413, place, undefined, json(HUGE));
    }
    await ask(415, place, undefined, json('{}', 'text/plain'));
    await ask(422, place, wrong(operation.body?.schema));
    await ask(422, place, operation.body?.example, { headers: { 'idempotency-key': 'of another request' } });
    const [parameter] = operation.query;
    if (parameter !== undefined) await ask(400, place, undefined, { query: `${parameter.name}=1&${parameter.name}=2` });
    await ask(400, place, undefined, { headers: { 'last-event-id': 'nonsense' } });
    await ask(404, { ...place, [operation.pathParameters.at(-1) ?? '']: UNKNOWN }, operation.body?.example);
    if (operation.method !== 'DELETE' && !name.endsWith('/lost')) await ask(200, place, operation.body?.example);
    for (const as of MAY_LESS) await ask(403, placeIn(fuzz, operation), operation.body?.example, { as });
  }
}

/** Something in the space where most callers hold something. */
function placeIn({ pools }: Fuzz, { path }: Operation): Place {
  const kind = kindOf(path);
  if (kind === undefined) return {};
  const all = pools.of(kind);
  return all.find(({ name }) => name === 'fz-own') ?? all.at(-1) ?? {};
}

/** A body of which no field fits. */
const wrong = (schema: Schema | undefined) => Object.fromEntries(Object.keys(schema?.properties ?? {}).map((field) => [field, [[]]]));
