import { accepted, type Outcome, refused } from '../engine/outcome.ts';

export type Transport = 'https' | 'http' | 'ssh' | 'git';

/** How git reaches a repository. */
export interface Remote {
  /** Without any credential. */
  readonly url: string;
  readonly transport: Transport;
  readonly host: string;
  /** Undefined: the default of the transport. */
  readonly port?: number;
}

/** A credential of a repository. */
export type Credential =
  | { readonly kind: 'token'; readonly username: string; readonly password: string }
  /** `knownHosts`: lines as in OpenSSH's known_hosts file. */
  | { readonly kind: 'key'; readonly privateKey: string; readonly knownHosts: string };

const URL_PARTS = /^(https?|ssh|git):\/\/(?:(git)@)?([^/:]+)(?::(\d+))?\/(.+?)\/?$/;
const SCP_PARTS = /^git@([^:]+):(.+)$/;
const DEFAULT_HOST = 'github.com';
const TRANSPORTS: Readonly<Record<string, Transport>> = { https: 'https', http: 'http', ssh: 'ssh', git: 'git' };

/**
 * Returns how git reaches a repository that the API accepted. Short forms use https, or ssh with a
 * deploy key. A refusal is a clause that continues a sentence about the agent.
 */
export function remoteOf(repository: string, credential: Credential['kind'] | undefined): Outcome<Remote> {
  const scp = SCP_PARTS.exec(repository);
  const parts = URL_PARTS.exec(repository);
  const remote = scp ? ssh(scp[1] ?? '', undefined, scp[2] ?? '') : parts ? fromUrl(parts) : fromShort(repository, credential === 'key');
  if (credential === undefined) return accepted(remote);
  if (credential === 'key' && remote.transport !== 'ssh')
    return no(`has a private key as its secret, but ${repository} is not reached by SSH. Use ssh://git@${remote.host}/… or a token`);
  if (credential === 'token' && remote.transport === 'ssh')
    return no(`has a token as its secret, but ${repository} is reached by SSH. Use https:// or a private key`);
  if (credential === 'token' && remote.transport !== 'https')
    return no(`has a token as its secret, and ${repository} would receive it unencrypted. Use https://`);
  return accepted(remote);
}

function fromUrl([, scheme = '', , host = '', port, path = '']: RegExpExecArray): Remote {
  const transport = TRANSPORTS[scheme] ?? 'https';
  if (transport === 'ssh') return ssh(host, port === undefined ? undefined : Number(port), path);
  const at = port === undefined ? host : `${host}:${port}`;
  return { url: `${scheme}://${at}/${path}`, transport, host, ...(port === undefined ? {} : { port: Number(port) }) };
}

function fromShort(repository: string, hasKey: boolean): Remote {
  const [first = '', ...rest] = repository.split('/');
  const hasHost = first.includes('.') || first === 'localhost';
  const [host, path] = hasHost ? [first, rest.join('/')] : [DEFAULT_HOST, repository];
  return hasKey ? ssh(host, undefined, path) : { url: `https://${host}/${path}`, transport: 'https', host };
}

function ssh(host: string, port: number | undefined, path: string): Remote {
  const at = port === undefined ? host : `${host}:${port}`;
  return { url: `ssh://git@${at}/${path}`, transport: 'ssh', host, ...(port === undefined ? {} : { port }) };
}

/** Hosts that need a user name beside a token accept any, except those whose users write it themselves. */
const TOKEN_USER = 'x-access-token';
const PEM_BEGIN = /-----BEGIN (?:[A-Z]+ )?(?:[A-Z]+ )?PRIVATE KEY-----/;
const PEM_END = /-----END (?:[A-Z]+ )?(?:[A-Z]+ )?PRIVATE KEY-----/;

/**
 * Reads a credential from a secret: a private key in PEM form, optionally with lines of known_hosts
 * around it; or `token` or `user:token` in one line.
 */
export function readCredential(secret: string): Outcome<Credential> {
  const text = secret.replace(/\r\n?/g, '\n').trim();
  const [begin, end] = [PEM_BEGIN.exec(text), PEM_END.exec(text)];
  if (begin !== null && end !== null && begin.index < end.index) {
    const after = end.index + end[0].length;
    const pem = text.slice(begin.index, after);
    if (isEncrypted(pem)) return no('is a private key with a passphrase. Use a key without one');
    const rest = [...text.slice(0, begin.index).split('\n'), ...text.slice(after).split('\n')];
    const lines = rest.map((line) => line.trim()).filter((line) => line !== '');
    return accepted({ kind: 'key', privateKey: `${pem}\n`, knownHosts: lines.map((line) => `${line}\n`).join('') });
  }
  if (text === '' || /\s/.test(text)) return no('is neither a private key in PEM form nor a token in one line');
  const colon = text.indexOf(':');
  if (colon === -1) return accepted({ kind: 'token', username: TOKEN_USER, password: text });
  return accepted({ kind: 'token', username: text.slice(0, colon), password: text.slice(colon + 1) });
}

/** See the format of OpenSSH's keys: "openssh-key-v1\0", then the name of the cipher. */
function isEncrypted(pem: string): boolean {
  if (pem.includes('ENCRYPTED')) return true;
  if (!pem.startsWith('-----BEGIN OPENSSH')) return false;
  const bytes = Buffer.from(pem.split('\n').slice(1, -1).join(''), 'base64');
  const at = bytes.indexOf('openssh-key-v1\0') === 0 ? 15 : -1;
  return at !== -1 && bytes.length > at + 8 && bytes.toString('latin1', at + 4, at + 4 + bytes.readUInt32BE(at)) !== 'none';
}

const no = (clause: string) => refused('UNPROCESSABLE_ENTITY', clause);
