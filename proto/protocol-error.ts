/** What came over a link is not a frame of this protocol. The peer is newer, broken or hostile: the link is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
