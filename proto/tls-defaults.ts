import tls from 'node:tls';

/** With forward secrecy and authenticated encryption alone: TLS 1.3, and of TLS 1.2 what Mozilla's intermediate profile has with ECDHE. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Sets what every TLS connection of this process uses, served or dialled: the API, gRPC with its mutual TLS, the bus, Docker. The gRPC
 * library takes ciphers from an environment variable and no version at all, so the defaults of the process are the one place for it.
 */
export function setTlsDefaults(): void {
  tls.DEFAULT_MIN_VERSION = 'TLSv1.2';
  tls.DEFAULT_CIPHERS = CIPHERS;
}
