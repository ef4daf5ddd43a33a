import { sendError, sendJson } from '../answers.ts';
import type { E2bDeps } from '../exchange.ts';
import { connectCalls } from './connect-calls.ts';
import type { DataExchange } from './data-exchange.ts';
import { fileTransfers } from './file-transfers.ts';
import { filesystemCalls } from './filesystem-calls.ts';
import { processCalls } from './process-calls.ts';

/** Answers what E2B's server inside a sandbox answers: calls of the Connect protocol, and files. */
export function envd(deps: E2bDeps) {
  const [processes, files] = [processCalls(deps), filesystemCalls(deps)];
  const [unary, streams] = [
    { ...processes.unary, ...files.unary },
    { ...processes.streams, ...files.streams },
  ];
  const call = connectCalls({ unary, streams, inputs: processes.inputs }, deps);
  const transfer = fileTransfers(deps);
  return async (exchange: DataExchange): Promise<void> => {
    const { res, req, url, access } = exchange;
    if (url.pathname === '/files') return transfer(exchange);
    if (url.pathname === '/envs' && req.method === 'GET') return sendJson(res, 200, deps.tokens.unseal(access.sandbox.envs));
    const answered = call(exchange);
    if (answered !== undefined) return answered;
    sendError(res, 404, `The path ${url.pathname.slice(0, 200)} does not exist.`);
  };
}
