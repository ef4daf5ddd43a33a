/** What a client is answered with, as the JSON that it arrives as. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
