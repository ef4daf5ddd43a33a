/** Supplies the token that requests carry. */
export interface TokenSource {
  /** Returns the token to use now, or undefined if there are no credentials. */
  current(): Promise<string | undefined>;
  /** Called after the server refused `used`. Returns whether there is another token now. */
  renew(used: string | undefined): Promise<boolean>;
}
