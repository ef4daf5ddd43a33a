/** On every response: no caching, framing, content sniffing or referrers. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/** With TLS: browsers use HTTPS only, for a year. */
export const HSTS = { 'Strict-Transport-Security': 'max-age=31536000' } as const;
