type Fields = Readonly<Record<string, unknown>>;

/** Returns a JSON object changed by a merge patch (RFC 7396). */
export function mergePatch(before: Fields, patch: Fields): Fields {
  const merged = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else if (!areFields(value)) merged.set(name, value);
    else {
      const inner = merged.get(name);
      merged.set(name, mergePatch(areFields(inner) ? inner : {}, value));
    }
  }
  return Object.fromEntries(merged);
}

const areFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
