import { Unreachable } from './errors.ts';

const UNKNOWN_CA = 'its CA is not trusted';
/** Codes of Node.js. Browsers do not say why. */
const PROBLEMS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  CERT_SIGNATURE_FAILURE: UNKNOWN_CA,
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet, or the clock of this machine is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name or address',
};

/** The certificate of the server cannot be trusted. Nothing was sent, and a retry does not help. */
export class CertificateRefused extends Unreachable {
  /** Whether a CA must be made known: in Node.js, for example, with NODE_EXTRA_CA_CERTS. */
  readonly isUnknownCa: boolean;

  constructor(url: string, problem: string, code: string, cause: unknown) {
    super(`The certificate of ${url} was refused: ${problem} (${code}).`, cause);
    this.name = 'CertificateRefused';
    this.isUnknownCa = problem === UNKNOWN_CA;
  }
}

/** Returns the error for a request that failed in the network with this reason. */
export function unreachable(url: string, reason: string, cause: unknown): Unreachable {
  const problem = PROBLEMS[reason];
  if (problem !== undefined) return new CertificateRefused(url, problem, reason, cause);
  return new Unreachable(`${url} does not respond (${reason}). ${adviceFor(url, reason)}`, cause);
}

function adviceFor(url: string, reason: string): string {
  if (reason === 'ERR_SSL_WRONG_VERSION_NUMBER' || reason === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'It does not use TLS: an address that begins with http:// reaches it.';
  const isCut = url.startsWith('http:') && (reason === 'UND_ERR_SOCKET' || reason === 'ECONNRESET');
  return isCut
    ? 'Check that Raworc is running there, and whether its address begins with https://.'
    : 'Check that Raworc is running there.';
}
