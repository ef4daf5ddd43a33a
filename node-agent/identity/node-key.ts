import 'reflect-metadata'; // required by the certificate library's container
import * as x509 from '@peculiar/x509';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Returns a new private key (PKCS #8, PEM). It never leaves the node. */
export async function createNodeKey(): Promise<string> {
  const keyPair = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keyPair.privateKey), 'PRIVATE KEY')}\n`;
}

/**
 * Returns a request (PKCS #10, DER) that proves possession of the key and, with a challenge, that
 * it is fresh. It contains no name: the controller decides who this is.
 */
export async function certificateRequest(keyPem: string, challenge?: string): Promise<Buffer> {
  const privateKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(keyPem), KEY_ALGORITHM, true, ['sign']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', privateKey);
  if (kty === undefined || crv === undefined || x === undefined || y === undefined)
    throw new Error('the key of this node is not a P-256 key');
  const publicKey = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, KEY_ALGORITHM, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey, publicKey },
    signingAlgorithm: KEY_ALGORITHM,
    ...(challenge === undefined ? {} : { attributes: [new x509.ChallengePasswordAttribute(challenge)] }),
  });
  return Buffer.from(request.rawData);
}
