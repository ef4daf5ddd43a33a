import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { type FirewallPlan, firewallRules, resolversIn } from './domain/firewall-rules.ts';
import type { NetworkGuard } from './drivers/docker.ts';

const CALL_LIMIT_MS = 20_000;
/** Seconds to wait for whoever else is changing the rules. */
const LOCK_WAIT_S = '10';

/**
 * Closes what comes from the sessions' bridge, by two chains of our own and one jump to each. No other rule of the machine is touched. Applying it again
 * puts right what was changed since; two node agents on one machine share the chains.
 */
export class Firewall implements NetworkGuard {
  readonly #plan: Omit<FirewallPlan, 'resolvers'>;

  constructor(plan: Omit<FirewallPlan, 'resolvers'>) {
    this.#plan = plan;
  }

  /** The chains are filled in one transaction, and before anything jumps to them. */
  async apply(): Promise<void> {
    const resolvers = await hostResolvers();
    await run('iptables-restore', ['-w', LOCK_WAIT_S, '--noflush'], firewallRules({ ...this.#plan, resolvers }));
    for (const [from, chain] of this.#jumps()) {
      const jump = [from, '-i', this.#plan.bridge, '-j', chain];
      if (await succeeds('iptables', ['-w', LOCK_WAIT_S, '-C', ...jump])) continue;
      await run('iptables', ['-w', LOCK_WAIT_S, '-I', ...jump]);
    }
  }

  async remove(): Promise<void> {
    for (const [from, chain] of this.#jumps()) {
      const jump = [from, '-i', this.#plan.bridge, '-j', chain];
      // Two node agents that start together may each have put one there.
      while (await succeeds('iptables', ['-w', LOCK_WAIT_S, '-D', ...jump]));
      await succeeds('iptables', ['-w', LOCK_WAIT_S, '-F', chain]);
      await succeeds('iptables', ['-w', LOCK_WAIT_S, '-X', chain]);
    }
  }

  #jumps() {
    const { input, forward } = this.#plan.chains;
    return [
      ['INPUT', input],
      ['DOCKER-USER', forward],
    ] as const;
  }
}

/** The same ones that Docker gives to containers: where this machine's resolver is its own, those behind it. */
async function hostResolvers(): Promise<string[]> {
  for (const path of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    const found = resolversIn(await readFile(path, 'utf8').catch(() => ''));
    if (found.length > 0) return found;
  }
  return [];
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}

function run(program: string, args: readonly string[], input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: CALL_LIMIT_MS }, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`${program} failed: ${stderr.trim() || error.message}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
