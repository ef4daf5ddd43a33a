/**
 * A value as the JSON that clients receive, for values that are sent more often than they change.
 */
export class JsonText<Value = unknown> {
  readonly text: string;
  /** For the type checker only: the type of the value. */
  declare readonly value?: Value;

  constructor(text: string) {
    this.text = text;
  }

  static of<Value>(value: Value): JsonText<Value> {
    return new JsonText(JSON.stringify(value));
  }
}
