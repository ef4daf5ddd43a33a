/** Roles, and the resources and verbs of their rules. */
import { z } from 'zod';
import { aliased, givenName, type Infer, nameUnlikeIds, prose, time, uuid, wording } from '../fields.ts';

export const RESOURCES = [
  'service-accounts',
  'roles',
  'role-bindings',
  'spaces',
  'secrets',
  'agents',
  'builds',
  'sessions',
  'nodes',
  'events',
  'audit',
  'metrics',
] as const;
export type Resource = (typeof RESOURCES)[number];

export const VERBS = ['list', 'get', 'create', 'update', 'delete', 'read-values', 'deploy', 'logs', 'exec', 'files', 'ports'] as const;
export type Verb = (typeof VERBS)[number];

/** Aliases that rules can use. Raworc stores them as sent. */
export const RESOURCE_ALIASES: Readonly<Record<string, Resource>> = { 'space-secrets': 'secrets', session_messages: 'sessions' };
export const VERB_ALIASES: Readonly<Record<string, Verb>> = { read: 'get' };

const MAX_RULES = 100;
const MAX_WORDS = 1000;

const listOf = (word: z.ZodType<string>) =>
  z.array(word, { error: wording }).min(1, 'must have at least one item, or "*"').max(MAX_WORDS, `must have at most ${MAX_WORDS} items`);

/** A misspelled word would allow nothing without anyone noticing. */
function wordOf(words: readonly string[], aliases: Readonly<Record<string, string>>) {
  const known = ['*', ...words, ...Object.keys(aliases)];
  return z.string({ error: wording }).refine((word) => known.includes(word), { error: `must be one of ${known.join(', ')}` });
}

/** A rule allows its verbs on its resources. `*` is a wildcard in each list. */
const rule = aliased(
  { apiGroups: 'api_groups', resourceNames: 'resource_names' },
  {
    api_groups: z.array(givenName(255), { error: wording }).max(MAX_WORDS).default(['*']).describe('Stored, but has no effect'),
    resources: listOf(wordOf(RESOURCES, RESOURCE_ALIASES)),
    verbs: listOf(wordOf(VERBS, VERB_ALIASES)),
    resource_names: listOf(givenName(255)).exactOptional().describe('Limits the rule to resources with these names or ids'),
  },
);
export type Rule = Infer<typeof rule>;

export const rules = () => z.array(rule, { error: wording }).max(MAX_RULES, `must have at most ${MAX_RULES} rules`);

export const createRole = aliased({ id: 'name' }, { name: nameUnlikeIds(), description: prose(4096).exactOptional(), rules: rules() });
export type CreateRole = Infer<typeof createRole>;

export const ruleObject = z.strictObject({
  api_groups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resource_names: z.array(z.string()).exactOptional(),
});

export const roleObject = z
  .strictObject({
    id: uuid(),
    name: z.string(),
    description: z.string().nullable(),
    rules: z.array(ruleObject),
    created_at: time(),
  })
  .meta({ id: 'Role' });
export type RoleObject = Infer<typeof roleObject>;
