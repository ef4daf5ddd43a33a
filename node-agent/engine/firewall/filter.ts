import type { FirewallPlan } from '../../domain/firewall-rules.ts';

/** A packet filter. */
export interface Filter {
  /** Applies all rules. Idempotent. */
  apply(plan: FirewallPlan): Promise<void>;
  /** Whether the rules of any node agent on this machine are in force and complete. */
  isIntact(): Promise<boolean>;
  remove(): Promise<void>;
}
