/** Answers several messages at once; so its answers can overtake one another, and no others. */
export const SEVERAL = 'again';

/** Follows the answers of a session, in the order in which they were stored. */
export class AnswerOrder {
  #newest = 0;
  #newestOfOne = 0;

  /**
   * Returns the seq of the message whose answer must have come later; undefined if the order is right.
   * `by`: who answered. The controller's own answers come once all earlier messages have theirs.
   */
  overtaken(askedSeq: number, agent: unknown, by: string): number | undefined {
    const bound = agent === SEVERAL || by === 'raworc' ? this.#newestOfOne : this.#newest;
    this.#newest = Math.max(this.#newest, askedSeq);
    if (agent !== SEVERAL) this.#newestOfOne = Math.max(this.#newestOfOne, askedSeq);
    return askedSeq < bound ? bound : undefined;
  }
}
