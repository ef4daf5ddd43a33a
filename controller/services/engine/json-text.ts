/** A value as its JSON text, for data that is sent more often than it changes. */
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
