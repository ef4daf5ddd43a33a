import { TLSSocket } from 'node:tls';
import type { Context } from 'koa';

/** Returns how the client reached the listener. A proxy in front of it can have ended TLS. */
export const schemeOf = ({ req }: Pick<Context, 'req'>): 'http' | 'https' => (req.socket instanceof TLSSocket ? 'https' : 'http');
