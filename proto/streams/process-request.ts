import { type AttachRequest, type ProcessRequest, SIGNALS, type StartProcess, sizeIn } from './process-stream.ts';
import { StreamError } from './reasons.ts';

const invalid = () => new StreamError('failed', 'The parameters of the request are invalid.');

const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isEnv = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(([name, one]) => name !== '' && isText(name) && !name.includes('=') && isText(one));

/** Returns the request in a stream's parameters. Throws {@link StreamError} if it is invalid. */
export function processRequest(parameters: unknown): ProcessRequest {
  const { op, pid, signal, start, cols, rows }: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  if (op === 'list') return { op };
  if (op === 'start') return { op, start: startIn(start) };
  if (!isCount(pid)) throw invalid();
  if (op === 'get' || op === 'closeStdin' || op === 'remove') return { op, pid };
  if (op === 'resize') return { op, pid, ...sizeIn({ cols, rows }) };
  const name = SIGNALS.find((one) => one === signal);
  if (op === 'signal' && name !== undefined) return { op, pid, signal: name };
  throw invalid();
}

function startIn(value: unknown): StartProcess {
  const { argv, cwd, env, pty, stdin, onDisconnect, keepAwake, asRoot, timeoutMs }: Readonly<Record<string, unknown>> = {
    ...(value as object),
  };
  if (!isTexts(argv) || argv[0] === '' || !isText(cwd) || !isEnv(env) || typeof stdin !== 'boolean') throw invalid();
  if (onDisconnect !== 'nothing' && onDisconnect !== 'kill') throw invalid();
  if (timeoutMs !== undefined && !(isCount(timeoutMs) && timeoutMs > 0)) throw invalid();
  return {
    argv,
    cwd,
    env,
    stdin,
    onDisconnect,
    keepAwake: keepAwake === true,
    asRoot: asRoot === true,
    pty: pty === null ? null : sizeIn(pty),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** Returns the parameters of an attachment. Throws {@link StreamError} if they are invalid. */
export function attachRequest(parameters: unknown): AttachRequest {
  const { pid, startedAtMs, offset, start }: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  const isMaybe = (value: unknown): value is number | undefined => value === undefined || isCount(value);
  if (!isCount(pid) || !isMaybe(startedAtMs) || !isMaybe(offset)) throw invalid();
  return { pid, startedAtMs, offset, ...(start === undefined ? {} : { start: startIn(start) }) };
}
