/**
 * An engine's answer as data, including refusals. Temporary faults, such as an absent, slow or
 * broken engine, are thrown instead.
 */
export type Outcome =
  /** `disk` is the id of the created disk, or of the container's disk. */
  | { readonly ok: true; readonly disk?: string }
  /**
   * It already exists. If the node agent does not find it among its own, it belongs to somebody
   * else.
   */
  | { readonly ok: false; readonly why: 'exists' }
  /** `image` is set if it differs from the image of the session's assignment. */
  | { readonly ok: false; readonly why: 'no-image'; readonly image?: string }
  /** The engine failed; another attempt can succeed. */
  | { readonly ok: false; readonly why: 'failed'; readonly reason: string }
  /** Permanent failure. `reason` is one sentence for the user. */
  | { readonly ok: false; readonly why: 'refused'; readonly reason: string };
