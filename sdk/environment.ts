/** Everything the client uses of its platform, passed in so that tests can replace it. */
export interface Environment {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds since an arbitrary start; never goes back. */
  readonly monotonic: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Calls `run` after a delay unless the returned function is called first. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly uuid: () => string;
}

/** Node.js 20 or newer, or a browser. */
export const systemEnvironment: Environment = {
  fetch: (request) => fetch(request),
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  uuid,
};

/** Returns a UUID of version 4. Browsers have `crypto.randomUUID` only on pages from HTTPS. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Rejects with the signal's reason once it aborts. */
export function sleep({ after }: Environment, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const wake = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = after(ms, () => {
      signal.removeEventListener('abort', wake);
      resolve();
    });
    signal.addEventListener('abort', wake, { once: true });
  });
}
