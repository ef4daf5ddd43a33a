/**
 * Returns the document with one spelling of each field that has several: if a schema requires `a`
 * or `b`, only `a` is left and required, so that the client's types say what is required.
 */
export function withOneSpelling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withOneSpelling);
  if (!isObject(value)) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withOneSpelling(one)]));
  const { allOf, ...rest } = inner;
  const choices = Array.isArray(allOf) ? allOf.map(spellingsIn) : [];
  if (choices.length === 0 || choices.includes(undefined)) return inner;
  const others = new Set(choices.flatMap((spellings) => spellings?.slice(1) ?? []));
  const properties = Object.entries(isObject(rest.properties) ? rest.properties : {}).filter(([name]) => !others.has(name));
  const required = [...(Array.isArray(rest.required) ? rest.required : []), ...choices.map((spellings) => spellings?.[0])];
  return { ...rest, properties: Object.fromEntries(properties), required };
}

/** Returns a and b for `{anyOf: [{required: ['a']}, {required: ['b']}]}`. */
function spellingsIn(schema: unknown): readonly string[] | undefined {
  if (!isObject(schema) || !Array.isArray(schema.anyOf)) return undefined;
  const names = schema.anyOf.map((one) =>
    isObject(one) && Array.isArray(one.required) && one.required.length === 1 ? one.required[0] : undefined,
  );
  return names.every((name) => typeof name === 'string') ? names : undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
