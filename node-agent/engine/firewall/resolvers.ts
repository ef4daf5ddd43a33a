import { readFile, writeFile } from 'node:fs/promises';
import type { Conditions } from '../../conditions.ts';
import { resolvConfOf, resolversIn } from '../../domain/firewall-rules.ts';

/** Of the host. The second is where systemd-resolved says what is behind its own address, 127.0.0.53. */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

export interface ResolversDeps {
  /** What sessions see as /etc/resolv.conf: written in place, so that those that run see each change. */
  readonly file: string;
  /** Of the operator; empty: the host's. */
  readonly addresses: readonly string[];
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  readonly hostFiles?: readonly string[];
}

/**
 * The name servers of sessions. They are asked directly: the server that Docker has in each container tells the names of other containers, and so the ids of
 * other sessions.
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

  /** Reads what the host uses now, and writes the file where that has changed. Returns the addresses. */
  async look(): Promise<readonly string[]> {
    const { addresses, conditions } = this.#deps;
    const found = await this.#find();
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

  async #find(): Promise<{ readonly servers: readonly string[]; readonly text: string } | undefined> {
    const { addresses, hostFiles = FILES } = this.#deps;
    if (addresses.length > 0) return { servers: addresses, text: '' };
    for (const path of hostFiles) {
      const text = await readFile(path, 'utf8').catch(() => '');
      const servers = resolversIn(text);
      if (servers.length > 0) return { servers, text };
    }
    return undefined;
  }
}

const NO_RESOLVER =
  'The name servers of this host are its own loopback addresses, which sessions cannot reach. New sessions use the server of Docker, which tells them the names of other sessions. Set RAWORC_SESSION_DNS to the addresses of name servers.';
