const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is spelled as an id. What is not names nothing: a 404 where it stands in a path. */
export function isUuid<Id extends string>(text: string): text is Id {
  return UUID.test(text);
}
