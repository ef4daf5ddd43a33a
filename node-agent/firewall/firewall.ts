import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import type { Conditions } from '../conditions.ts';
import { type FirewallPlan, resolversIn } from '../domain/firewall-rules.ts';
import type { NetworkGuard } from '../drivers/docker.ts';
import type { Filter } from './filter.ts';
import { IptablesFilter } from './iptables-filter.ts';
import { alone } from './lock.ts';
import { NftFilter } from './nft-filter.ts';
import { type RunProgram, runProgram } from './programs.ts';

/** How often the rules are looked at: what somebody else took away is back within twice this. */
const LOOK_EVERY_MS = 1_000;

export interface FirewallDeps {
  readonly plan: Omit<FirewallPlan, 'resolvers'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  readonly metrics?: Metrics;
  readonly run?: RunProgram;
}

/**
 * Closes what comes from the sessions' bridge, towards this machine and everything that is not public. No rule of others is touched.
 *
 * 1. With nftables where it works, else with iptables, which a condition says.
 * 2. From the first `apply` to `close`, the rules are looked at every second and put right when they are not whole.
 * 3. All node agents of a machine share the rules. One changes them at a time.
 */
export class Firewall implements NetworkGuard {
  readonly #deps: FirewallDeps;
  readonly #nft: Filter;
  readonly #iptables: Filter;
  readonly #restored: Counter;
  #filter: Filter | undefined;
  #look: Timer | undefined;
  #failure = '';
  #closed = false;

  constructor(deps: FirewallDeps) {
    this.#deps = deps;
    const { plan, run = runProgram, metrics = silentMetrics } = deps;
    this.#nft = new NftFilter(plan.table, run);
    this.#iptables = new IptablesFilter(plan.bridge, plan.chains, run);
    this.#restored = metrics.counter({
      name: 'node_firewall_restored_total',
      help: 'Times that the rules were not whole and were put right.',
    });
  }

  async apply(): Promise<void> {
    await this.#alone(() => this.#apply());
    this.#lookLater();
  }

  /** Takes the rules away. Other node agents of this machine put them back while they need them. */
  async remove(): Promise<void> {
    this.#look?.cancel();
    this.#look = undefined;
    await this.#alone(async () => {
      await this.#nft.remove();
      await this.#iptables.remove();
    });
  }

  /** Looks no more. The rules stay. */
  close(): void {
    this.#closed = true;
    this.#look?.cancel();
  }

  async #apply(): Promise<void> {
    const plan = { ...this.#deps.plan, resolvers: await hostResolvers() };
    const { conditions, log } = this.#deps;
    if (this.#filter === undefined) {
      try {
        await this.#nft.apply(plan);
        // Of a version before this one, or of a time without nftables.
        await this.#iptables.remove();
        this.#filter = this.#nft;
        conditions?.clear('FirewallByIptables');
        return;
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        log.warn('firewall.no_nftables', { error: problem });
        conditions?.raise({
          type: 'FirewallByIptables',
          message: `nftables does not work on this host (${problem}), so sessions are isolated by iptables: flushing its rules opens their network for up to two seconds. Install nftables.`,
          unschedulable: false,
        });
        this.#filter = this.#iptables;
      }
    }
    await this.#filter.apply(plan);
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#look?.cancel();
    this.#look = this.#deps.clock.after(LOOK_EVERY_MS, () => void this.#putRight());
  }

  async #putRight(): Promise<void> {
    const { log, conditions } = this.#deps;
    const look = this.#look;
    try {
      if (this.#filter !== undefined && !(await this.#filter.isIntact())) {
        await this.#alone(async () => {
          // Another node agent may have been quicker; `remove` may have come meanwhile.
          if (this.#look !== look || this.#closed || (await this.#filter?.isIntact())) return;
          await this.#apply();
          this.#restored.add();
          log.warn('firewall.restored', { bridge: this.#deps.plan.bridge });
        });
      }
      if (this.#failure !== '') conditions?.clear('FirewallOpen');
      this.#failure = '';
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      if (failure !== this.#failure) {
        log.error('firewall.open', { error: failure });
        const message = `The firewall rules that isolate sessions are missing and cannot be restored, so running sessions can reach this host and its network: ${failure}. Fix the cause, or suspend the sessions; the rules are tried again every second.`;
        conditions?.raise({ type: 'FirewallOpen', message, unschedulable: true });
      }
      this.#failure = failure;
    }
    if (this.#look === look) this.#lookLater();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return alone(`firewall-${this.#deps.plan.table}`, work);
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
