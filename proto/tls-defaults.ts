import tls from 'node:tls';

/**
 * Ciphers with forward secrecy and authenticated encryption: those of TLS 1.3, and of TLS 1.2 the
 * ECDHE ciphers of Mozilla's intermediate profile.
 */
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
 * Sets the TLS defaults of this process, for every server and client: the API, gRPC, the bus,
 * Docker. grpc-js takes ciphers only from an environment variable and no TLS version, so the
 * process-wide defaults are the one place that covers all.
 */
export function setTlsDefaults(): void {
  tls.DEFAULT_MIN_VERSION = 'TLSv1.2';
  tls.DEFAULT_CIPHERS = CIPHERS;
}
