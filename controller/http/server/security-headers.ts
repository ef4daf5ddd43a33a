/** Of every answer: nothing of the API is a page, is kept, framed, guessed at, or told to another site. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/** Where the controller serves TLS itself: browsers come back by HTTPS alone, for a year. */
export const HSTS = { 'Strict-Transport-Security': 'max-age=31536000' } as const;
