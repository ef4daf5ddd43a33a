/** A value as the JSON that a client receives, for what is sent more often than it changes. */
export class JsonText<Value = unknown> {
  readonly text: string;
  /** For the type checker alone: what the text says. */
  declare readonly value?: Value;

  constructor(text: string) {
    this.text = text;
  }

  static of<Value>(value: Value): JsonText<Value> {
    return new JsonText(JSON.stringify(value));
  }
}
