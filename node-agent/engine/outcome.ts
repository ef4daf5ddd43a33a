/**
 * What an engine answered, refusals included, as data. What is thrown instead is a fault that may pass: an engine that is away, slow or out
 * of order.
 */
export type Outcome =
  /** `disk`: the id of the disk that was created, or on which the container was. */
  | { readonly ok: true; readonly disk?: string }
  /** Created already: by this node agent, unless it is not seen when looked for; then it is somebody else's. */
  | { readonly ok: false; readonly why: 'exists' }
  /** `image`: where it is not the one of the session's assignment. */
  | { readonly ok: false; readonly why: 'no-image'; readonly image?: string }
  /** The engine failed at it, and the next try may succeed. */
  | { readonly ok: false; readonly why: 'failed'; readonly reason: string }
  /** For good. `reason` is one sentence for a person. */
  | { readonly ok: false; readonly why: 'refused'; readonly reason: string };
