import { sendError, sendJson } from '../answers.ts';
import type { E2bDeps } from '../exchange.ts';
import type { DataExchange } from './data-exchange.ts';

/** Answers what E2B's server inside a sandbox answers: calls of the Connect protocol, and files. */
export function envd({ tokens }: Pick<E2bDeps, 'tokens'>) {
  return async (exchange: DataExchange): Promise<void> => {
    const { res, req, url, access } = exchange;
    if (url.pathname === '/envs' && req.method === 'GET') return sendJson(res, 200, tokens.unseal(access.sandbox.envs));
    sendError(res, 404, `The path ${url.pathname.slice(0, 200)} does not exist.`);
  };
}
