/** Building blocks of the schemas, and the types that follow from a schema. */
import { z } from 'zod';
import { isPlainName, isPlainText } from '../../seams/terminal-text.ts';

/** The type of what a schema describes. Nobody changes a body that was received, or an object that is about to be sent. */
export type Infer<Schema extends z.ZodType> = Immutable<z.output<Schema>>;

type Immutable<T> = unknown extends T ? T : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** Replaces zod's messages. A field that is absent `is missing`, and is not "of type undefined". */
export const wording: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is missing' : `must be ${article(issue.expected)}`;
  return undefined;
};

const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An object whose unknown fields are dropped and whose `null` fields are absent, except those in `clearable`, where null is a value.
 * Optional fields are written with `.exactOptional()`, so that absent ones have no key.
 */
export function fields<Shape extends z.ZodRawShape>(shape: Shape, clearable: readonly (keyof Shape & string)[] = []) {
  return z.preprocess((sent) => dropNulls(sent, clearable), z.object(shape, { error: wording }));
}

/** The same, for an object that also takes fields without a schema. */
export function looseFields<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((sent) => dropNulls(sent), z.looseObject(shape, { error: wording }));
}

function dropNulls(value: unknown, clearable: readonly string[] = []): unknown {
  if (!isObject(value) || !Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, inner]) => inner !== null || clearable.includes(name)));
}

/** An object of which some fields have a second name: `aliases` maps it to the first, which counts where both are sent. */
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

/** A required field may come under either name. */
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

/** A name in a place that also takes ids: a name that looks like an id would be taken for one. */
export const nameUnlikeIds = () => name().refine((sent) => !UUID.test(sent), { error: 'must not look like an id' });

export const text = (maxLength: number) => z.string({ error: wording }).max(maxLength, `must have at most ${maxLength} characters`);

/** Half of a surrogate pair would be stored as another character than was answered, and many names would become one. */
const isUnicode = (sent: string): boolean => sent.isWellFormed();

/** Prose for people, without anything that a terminal would act on. */
export const prose = (maxLength: number) =>
  text(maxLength)
    .refine(isUnicode, 'must be valid Unicode')
    .refine(isPlainText, 'must not contain control characters other than tabs and newlines, or characters that change text direction');

/** A name that people choose. Names that look the same are the same (NFC), and none holds invisible characters. */
export const givenName = (maxLength: number) =>
  z
    .string({ error: wording })
    .normalize('NFC')
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine(isUnicode, 'must be valid Unicode')
    .refine(isPlainName, 'must not contain control characters, invisible characters, or characters that change text direction');

export const flag = () => z.boolean({ error: wording });

/** A whole number within bounds. */
export const whole = (least: number, most: number) =>
  z.int({ error: wording }).min(least, `must be at least ${least}`).max(most, `must be at most ${most}`);

/** Whatever a client stores with a thing. */
export const metadata = () => z.record(z.string(), z.unknown(), { error: () => 'must be an object' });

/** RFC 3339 in UTC with milliseconds. */
export const time = () => z.iso.datetime({ precision: 3 });
export const uuid = () => z.uuid();
/** What a client stored with a thing, as it was sent. */
export const free = () => z.record(z.string(), z.unknown());
