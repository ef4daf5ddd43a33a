import { readFile, writeFile } from 'node:fs/promises';
import type { Conditions } from '../../conditions.ts';
import { resolvConfOf, resolversIn } from '../../domain/firewall-rules.ts';

/**
 * The host's files. In the second, systemd-resolved lists the servers behind its own address,
 * 127.0.0.53.
 */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

export interface ResolversDeps {
  /** The sessions' /etc/resolv.conf, written in place so that running sessions see each change. */
  readonly file: string;
  /** From the operator; empty takes the host's. */
  readonly addresses: readonly string[];
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  readonly hostFiles?: readonly string[];
}

/**
 * The name servers of sessions, which they ask directly: Docker's own server in each container
 * reveals the names of other containers, and so the ids of other sessions.
 */
export class Resolvers {
  readonly #deps: ResolversDeps;
  #written: string | undefined;

  constructor(deps: ResolversDeps) {
    this.#deps = deps;
  }

  /** The file to mount; undefined while there is no server that a session could reach. */
  get file(): string | undefined {
    return this.#written === undefined ? undefined : this.#deps.file;
  }

  /**
   * Reads the host's current servers and rewrites the file if they changed. Returns the addresses.
   */
  async look(): Promise<readonly string[]> {
    const { addresses, conditions, hostFiles } = this.#deps;
    const found = await findServers(addresses, hostFiles);
    if (found === undefined) {
      conditions?.raise({ type: 'DnsByDocker', message: NO_RESOLVER, unschedulable: false });
      return [];
    }
    conditions?.clear('DnsByDocker');
    const content = resolvConfOf(found.servers, addresses.length > 0 ? '' : found.text);
    if (content !== this.#written) await writeFile(this.#deps.file, content, { mode: 0o644 });
    this.#written = content;
    return found.servers;
  }
}

interface Found {
  readonly servers: readonly string[];
  readonly text: string;
}

/** Returns the operator's servers, or those in the first of the host's files that names any. */
async function findServers(addresses: readonly string[], hostFiles: readonly string[] = FILES): Promise<Found | undefined> {
  if (addresses.length > 0) return { servers: addresses, text: '' };
  for (const path of hostFiles) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const servers = resolversIn(text);
    if (servers.length > 0) return { servers, text };
  }
  return undefined;
}

/** Returns the name servers that sessions of this host can reach. */
export const sessionNameServers = async (addresses: readonly string[]): Promise<readonly string[]> =>
  (await findServers(addresses))?.servers ?? [];

const NO_RESOLVER =
  'The name servers of this host are its own loopback addresses, which sessions cannot reach. New sessions use the server of Docker, which reveals the names of other sessions. Set RAWORC_SESSION_DNS to the addresses of name servers.';
