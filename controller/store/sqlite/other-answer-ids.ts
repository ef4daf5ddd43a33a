/**
 * Matches answers whose id does not follow from their message's, as {@link answerId} derives it:
 * those in copies of conversations. All others are found without an index of their own. The
 * condition of a partial index.
 */
export const HAS_OTHER_ID = `id <> substr(in_reply_to, 1, length(in_reply_to) - 1)
  || substr('1032547698badcfe', instr('0123456789abcdef', substr(in_reply_to, -1)), 1)`;
