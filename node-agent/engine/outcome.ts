/**
 * An engine's answer as data, refusals included. Faults that may pass are thrown instead: an engine
 * that is away, slow or broken.
 */
export type Outcome =
  /** `disk`: the id of the disk that was created, or on which the container was. */
  | { readonly ok: true; readonly disk?: string }
  /** It exists already: this node agent's own, or somebody else's if a look does not find it. */
  | { readonly ok: false; readonly why: 'exists' }
  /** `image`: where it is not the one of the session's assignment. */
  | { readonly ok: false; readonly why: 'no-image'; readonly image?: string }
  /** The engine failed at it, and the next try may succeed. */
  | { readonly ok: false; readonly why: 'failed'; readonly reason: string }
  /** For good. `reason` is one sentence for a person. */
  | { readonly ok: false; readonly why: 'refused'; readonly reason: string };
