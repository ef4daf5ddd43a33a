/** Building blocks of schemas, and the types inferred from them. */
import { z } from 'zod';
import { isPlainName, isPlainText } from '../../seams/terminal-text.ts';

/** The output type of a schema, deeply readonly. */
export type Infer<Schema extends z.ZodType> = Immutable<z.output<Schema>>;

type Immutable<T> = unknown extends T ? T : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** Replaces zod's messages: an absent field `is missing` instead of being "of type undefined". */
export const wording: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is missing' : `must be ${article(issue.expected)}`;
  return undefined;
};

const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An object schema that drops unknown fields and treats `null` as absent, except for the fields in
 * `clearable`. Declare optional fields with `.exactOptional()`, so that absent ones have no key.
 */
export function fields<Shape extends z.ZodRawShape>(shape: Shape, clearable: readonly (keyof Shape & string)[] = []) {
  return z.preprocess((sent) => dropNulls(sent, clearable), z.object(shape, { error: wording }));
}

/** Like {@link fields}, but keeps unknown fields. */
export function looseFields<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((sent) => dropNulls(sent), z.looseObject(shape, { error: wording }));
}

function dropNulls(value: unknown, clearable: readonly string[] = []): unknown {
  if (!isObject(value) || !Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, inner]) => inner !== null || clearable.includes(name)));
}

/**
 * An object schema with alternative field names: `aliases` maps each to its field. The field itself
 * wins if both are sent.
 */
export function aliased<Shape extends z.ZodRawShape>(aliases: Readonly<Record<string, keyof Shape & string>>, shape: Shape) {
  const rename = (sent: unknown) => {
    if (!isObject(sent)) return sent;
    const present = Object.entries(sent).filter(([, value]) => value !== null);
    const renamed = present.flatMap(([name, value]) => (Object.hasOwn(aliases, name) ? [[aliases[name], value] as const] : []));
    return Object.fromEntries([...renamed, ...present.filter(([name]) => !Object.hasOwn(aliases, name))]);
  };
  return z.preprocess(rename, z.object(shape, { error: wording }).meta({ override: ({ jsonSchema }) => addAliases(jsonSchema, aliases) }));
}

interface ObjectSchema {
  properties?: Record<string, unknown>;
  required?: string[];
  allOf?: unknown[];
}

/** A required field can be sent under either name. */
function addAliases(schema: ObjectSchema, aliases: Readonly<Record<string, string>>): void {
  for (const [alias, name] of Object.entries(aliases)) {
    const known = schema.properties?.[name];
    if (typeof known !== 'object') continue;
    schema.properties = { ...schema.properties, [alias]: { ...known, description: `Same as \`${name}\`` } };
    if (schema.required?.includes(name) !== true) continue;
    schema.required = schema.required.filter((field) => field !== name);
    schema.allOf = [...(schema.allOf ?? []), { anyOf: [{ required: [name] }, { required: [alias] }] }];
  }
  if (schema.required?.length === 0) delete schema.required;
}

/** The name of a space, agent, account or role. */
export const name = () =>
  z
    .string({ error: wording })
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'must start with a letter or digit and have at most 63 of A-Z a-z 0-9 _ . -');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A name where ids are accepted too: a name that looks like an id would be taken for one. */
export const nameUnlikeIds = () => name().refine((sent) => !UUID.test(sent), { error: 'must not look like an id' });

export const text = (maxLength: number) => z.string({ error: wording }).max(maxLength, `must have at most ${maxLength} characters`);

/**
 * SQLite would store half a surrogate pair as another character, and different names would collide.
 */
const isUnicode = (sent: string): boolean => sent.isWellFormed();

/** Text for people, without characters that control a terminal. */
export const prose = (maxLength: number) =>
  text(maxLength)
    .refine(isUnicode, 'must be valid Unicode')
    .refine(isPlainText, 'must not contain control characters other than tabs and newlines, or characters that change text direction');

/** A name chosen by a client, in NFC and without invisible characters: equal looks, equal names. */
export const givenName = (maxLength: number) =>
  z
    .string({ error: wording })
    .normalize('NFC')
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine(isUnicode, 'must be valid Unicode')
    .refine(isPlainName, 'must not contain control characters, invisible characters, or characters that change text direction');

export const flag = () => z.boolean({ error: wording });

/** An integer within bounds. */
export const whole = (least: number, most: number) =>
  z.int({ error: wording }).min(least, `must be at least ${least}`).max(most, `must be at most ${most}`);

/** Free-form metadata of a client. */
export const metadata = () => z.record(z.string(), z.unknown(), { error: () => 'must be an object' });

/** RFC 3339 in UTC with milliseconds. */
export const time = () => z.iso.datetime({ precision: 3 });
export const uuid = () => z.uuid();
/** Free-form metadata, as the client sent it. */
export const free = () => z.record(z.string(), z.unknown());
