import { z } from 'zod';
import { fields, givenName, type Infer, name, time, uuid } from '../fields.ts';
import { ruleObject, rules } from './roles.ts';

export const createApiKey = fields({
  name: givenName(255).min(1, 'must not be empty'),
  expires_at: z.iso.datetime({ offset: true, error: 'must be a time like 2030-01-31T12:00:00Z' }).exactOptional(),
  space: name()
    .exactOptional()
    .describe('The space of the sandboxes that the SDKs of E2B create with this key. It limits nothing else. Default: `default`'),
  rules: rules().exactOptional().describe('Limits what the key can do. If absent, the key can do everything that its owner can'),
});
export type CreateApiKey = Infer<typeof createApiKey>;

const apiKey = {
  id: uuid(),
  name: z.string(),
  rules: z.array(ruleObject).nullable().describe('Null means everything that its owner can do'),
  space: z.string().nullable().describe('The space of the sandboxes that the SDKs of E2B create with this key; null means `default`'),
  expires_at: time().nullable(),
  last_used_at: time().nullable(),
  created_at: time(),
};
export const apiKeyObject = z.strictObject(apiKey).meta({ id: 'ApiKey' });
export type ApiKeyObject = Infer<typeof apiKeyObject>;

export const newApiKeyObject = z
  .strictObject({
    ...apiKey,
    key: z.string().describe('Shown only once'),
    e2b_key: z.string().describe('The same key as the SDKs of E2B want it. Either form is accepted everywhere'),
  })
  .meta({ id: 'NewApiKey' });
export type NewApiKeyObject = Infer<typeof newApiKeyObject>;
