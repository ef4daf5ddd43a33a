/**
 * The peer sent bytes that are not a valid frame: it is newer, broken or hostile. The link closes.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
