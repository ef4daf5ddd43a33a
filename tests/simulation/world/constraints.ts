import type { Constraint } from '../../../controller/contract/scheduling/label-rules.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { SeededRandom } from './random.ts';

export const ZONES = ['a', 'b'];

/** Most hold for a node without labels, so that sessions find room. */
export const someConstraint = (random: SeededRandom): Constraint =>
  random.pick<Constraint>([
    { label: 'zone', operator: 'not_in', values: ['a'] },
    { label: 'zone', operator: 'not_exists' },
    { label: 'zone', operator: 'not_in', values: ['b'] },
    { label: 'zone', operator: 'in', values: ['a'] },
    { label: 'zone', operator: 'exists' },
  ]) ?? { label: 'zone', operator: 'not_exists' };

/** Checks that each session was placed where its constraints held at that moment. */
export class Constraints {
  readonly #labels = new Map<string, Readonly<Record<string, string>>>();
  readonly #placed = new Set<string>();
  readonly #violation: (what: string) => void;

  constructor(violation: (what: string) => void) {
    this.#violation = violation;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'nodes') this.#labels.set(mutation.row.id, mutation.row.labels);
      if (mutation.table !== 'sessions' || this.#placed.has(mutation.row.id)) continue;
      const { id, nodeId, constraints } = mutation.row;
      this.#placed.add(id);
      const labels = this.#labels.get(nodeId ?? '') ?? {};
      const broken = constraints.find((constraint) => !isMet(constraint, labels.zone));
      if (broken !== undefined)
        this.#violation(`${id} was placed on ${nodeId} with ${JSON.stringify(labels)}, which breaks ${JSON.stringify(broken)}`);
    }
  }

  restored(view: Pick<View, 'nodes'>): void {
    this.#labels.clear();
    for (const { id, labels } of view.nodes()) this.#labels.set(id, labels);
  }
}

/** Written without the product's, which it checks. */
function isMet({ operator, values = [] }: Constraint, zone: string | undefined): boolean {
  if (operator === 'exists') return zone !== undefined;
  if (operator === 'not_exists') return zone === undefined;
  const isListed = zone !== undefined && values.includes(zone);
  return operator === 'in' ? isListed : !isListed;
}
