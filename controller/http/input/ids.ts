const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Returns whether a text is a UUID. In a path, anything else is a 404. */
export function isUuid<Id extends string>(text: string): text is Id {
  return UUID.test(text);
}
