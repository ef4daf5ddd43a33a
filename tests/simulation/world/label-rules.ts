import type { Constraint, Preference } from '../../../controller/contract/scheduling/label-rules.ts';
import { ANTI_AFFINITIES, type Scheduling, STRATEGIES } from '../../../controller/contract/scheduling/space-scheduling.ts';
import type { SeededRandom } from './random.ts';

export const ZONES = ['a', 'b'];
/** Of nodes from the start, so that preferences decide. */
export const DISKS = ['fast', 'large'];

/** Most hold for a node without labels, so that sessions find room. */
export const someConstraint = (random: SeededRandom): Constraint =>
  random.pick<Constraint>([
    { label: 'zone', operator: 'not_in', values: ['a'] },
    { label: 'zone', operator: 'not_exists' },
    { label: 'zone', operator: 'not_in', values: ['b'] },
    { label: 'zone', operator: 'in', values: ['a'] },
    { label: 'zone', operator: 'exists' },
  ]) ?? { label: 'zone', operator: 'not_exists' };

export const somePreference = (random: SeededRandom): Preference => ({
  ...(random.chance(0.3) ? someConstraint(random) : { label: 'disk', operator: 'in', values: [random.pick(DISKS) ?? ''] }),
  ...(random.chance(0.5) ? { weight: random.whole(1, 100) } : {}),
});

/** How a space wants its sessions placed. Rarely so that most find no node. */
export const someScheduling = (random: SeededRandom): Scheduling => ({
  strategy: random.pick(STRATEGIES) ?? 'pack',
  anti_affinity: random.chance(0.15) ? 'required' : (random.pick(ANTI_AFFINITIES.slice(0, 2)) ?? 'none'),
  ...(random.chance(0.15) ? { constraints: [someConstraint(random)] } : {}),
  ...(random.chance(0.4) ? { preferences: [somePreference(random)] } : {}),
});

/** Written without the product's, which it checks. `value`: of the rule's label; undefined if the node lacks it. */
export function isMet({ operator, values = [] }: Constraint, value: string | undefined): boolean {
  if (operator === 'exists') return value !== undefined;
  if (operator === 'not_exists') return value === undefined;
  const isListed = value !== undefined && values.includes(value);
  return operator === 'in' ? isListed : !isListed;
}
