import { z } from 'zod';
import type { AccountObject, ApiKeyObject, BindingObject, RoleObject } from '../domain/access/access-objects.ts';
import { isLongEnough, MIN_PASSWORD_LENGTH } from '../domain/access/password-rules.ts';
import { RESOURCE_WORDS, VERB_WORDS } from '../domain/access/rbac.ts';
import { fields, givenName, name, prose, text, wording } from './fields.ts';
import { time, uuid } from './objects.ts';

const MAX_PASSWORD_LENGTH = 1024;
const MAX_DESCRIPTION_LENGTH = 4096;
const MAX_RULES = 100;
const MAX_WORDS = 1000;

const description = () => prose(MAX_DESCRIPTION_LENGTH).exactOptional();
/** One that is set anew: those of before go on working. */
const password = () =>
  text(MAX_PASSWORD_LENGTH)
    .refine(isLongEnough, { error: `must have at least ${MIN_PASSWORD_LENGTH} characters` })
    .meta({ minLength: MIN_PASSWORD_LENGTH });
const flag = () => z.boolean({ error: wording });
/** An id, or a name. */
const reference = () => givenName(255).min(1, 'must not be empty');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** A name where ids serve as well: one that is spelled like an id would be taken for it. */
const unlikeIds = () => name().refine((sent) => !UUID.test(sent), { error: 'must not be spelled like an id' });

export const createAccount = fields({
  user: unlikeIds(),
  pass: password(),
  description: description(),
  space: reference().exactOptional(),
});

/** A description that is null clears it; any other null is absent. */
export const changeAccount = z.preprocess(
  (sent) => {
    if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return sent;
    return Object.fromEntries(Object.entries(sent).filter(([field, value]) => value !== null || field === 'description'));
  },
  z.object(
    {
      description: prose(MAX_DESCRIPTION_LENGTH).nullable().exactOptional(),
      active: flag().exactOptional(),
      space: reference().exactOptional(),
    },
    { error: wording },
  ),
);

export const changePassword = fields({ current_password: text(MAX_PASSWORD_LENGTH).exactOptional(), new_password: password() });

const listOf = (word: z.ZodType<string>) =>
  z.array(word, { error: wording }).min(1, 'must name at least one, or "*"').max(MAX_WORDS, `must have at most ${MAX_WORDS}`);

/** A word that is not known would allow nothing and look as if it did. */
const oneOf = (known: readonly string[]) =>
  z.string({ error: wording }).refine((word) => known.includes(word), { error: `must be one of ${known.join(', ')}` });

const ruleFields = {
  api_groups: z.array(givenName(255), { error: wording }).max(MAX_WORDS).default(['*']).describe('Kept, and decide nothing'),
  resources: listOf(oneOf(RESOURCE_WORDS)),
  verbs: listOf(oneOf(VERB_WORDS)),
  resource_names: listOf(givenName(255)).exactOptional().describe('Narrows the rule to things of these names or ids'),
};

type Sent = Readonly<Record<string, unknown>>;

/** An object of which fields may be spelled otherwise, too: `others` says how, and for which. What the schema calls it counts where both are sent. */
function spelled<Shape extends z.ZodRawShape>(others: Readonly<Record<string, string>>, shape: Shape) {
  const respell = (sent: unknown) => {
    if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return sent;
    const there = Object.entries(sent as Sent).filter(([, value]) => value !== null);
    const [theirs, ours] = [there.filter(([field]) => field in others), there.filter(([field]) => !(field in others))];
    return Object.fromEntries([...theirs.map(([field, value]) => [others[field], value]), ...ours]);
  };
  return z.preprocess(
    respell,
    z.object(shape, { error: wording }).meta({ override: ({ jsonSchema }) => addSpellings(jsonSchema, others) }),
  );
}

interface ObjectSchema {
  properties?: Record<string, unknown>;
  required?: string[];
  allOf?: unknown[];
}

/** Of what is required, one spelling is. */
function addSpellings(schema: ObjectSchema, others: Readonly<Record<string, string>>): void {
  for (const [theirs, ours] of Object.entries(others)) {
    const known = schema.properties?.[ours];
    if (typeof known !== 'object') continue;
    schema.properties = { ...schema.properties, [theirs]: { ...known, description: `The same as \`${ours}\`` } };
    if (schema.required?.includes(ours) !== true) continue;
    schema.required = schema.required.filter((field) => field !== ours);
    schema.allOf = [...(schema.allOf ?? []), { anyOf: [{ required: [ours] }, { required: [theirs] }] }];
  }
  if (schema.required?.length === 0) delete schema.required;
}

const rule = spelled({ apiGroups: 'api_groups', resourceNames: 'resource_names' }, ruleFields);

const rules = () => z.array(rule, { error: wording }).max(MAX_RULES, `must have at most ${MAX_RULES}`);

export const createRole = spelled({ id: 'name' }, { name: unlikeIds(), description: description(), rules: rules() });

export const createBinding = spelled(
  { role_ref: 'role_name', subject: 'principal' },
  {
    role_name: reference().describe('The name or id of a role'),
    principal: reference().describe('A user name'),
    principal_type: z.enum(['ServiceAccount', 'User'], { error: 'must be ServiceAccount or User' }).exactOptional(),
    space: reference().exactOptional().describe('Every space, when absent'),
  },
);

export const createApiKey = fields({
  name: givenName(255).min(1, 'must not be empty'),
  expires_at: z.iso.datetime({ offset: true, error: 'must be a time like 2030-01-31T12:00:00Z' }).exactOptional(),
  rules: rules().exactOptional().describe('What the key may do of what its owner may; all of it, when absent'),
});

export const logout = fields({ everywhere: flag().exactOptional().describe('Ends every token of the account') });

const ruleObject = z.strictObject({
  api_groups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resource_names: z.array(z.string()).exactOptional(),
});

export const accountObject = z
  .strictObject({
    id: uuid(),
    user: z.string(),
    space: z.null(),
    description: z.string().nullable(),
    active: z.boolean(),
    created_at: time(),
    updated_at: time(),
    last_login_at: time().nullable(),
  })
  .meta({ id: 'ServiceAccount' }) satisfies z.ZodType<AccountObject>;

export const roleObject = z
  .strictObject({
    id: uuid(),
    name: z.string(),
    description: z.string().nullable(),
    rules: z.array(ruleObject),
    created_at: time(),
  })
  .meta({ id: 'Role' }) satisfies z.ZodType<RoleObject>;

export const bindingObject = z
  .strictObject({
    id: uuid(),
    role_name: z.string(),
    role_ref: z.string().describe('The same as role_name'),
    principal: z.string(),
    subject: z.string().describe('The same as principal'),
    principal_type: z.enum(['ServiceAccount', 'User']),
    space: z.string().nullable().describe('Null: every space'),
    created_at: time(),
    updated_at: time(),
  })
  .meta({ id: 'RoleBinding' }) satisfies z.ZodType<BindingObject>;

const apiKey = {
  id: uuid(),
  name: z.string(),
  rules: z.array(ruleObject).nullable().describe('Null: all that its owner may'),
  expires_at: time().nullable(),
  last_used_at: time().nullable(),
  created_at: time(),
};
export const apiKeyObject = z.strictObject(apiKey).meta({ id: 'ApiKey' }) satisfies z.ZodType<ApiKeyObject>;
export const newApiKey = z.strictObject({ ...apiKey, key: z.string().describe('Shown this once') }).meta({ id: 'NewApiKey' });

export const passwordChanged = z.strictObject({ success: z.literal(true) }).meta({ id: 'PasswordChanged' });
