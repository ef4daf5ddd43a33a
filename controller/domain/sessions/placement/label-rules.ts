/** Judges nodes by their labels. */
import { type Constraint, DEFAULT_WEIGHT, type Preference } from '../../../contract/scheduling/label-rules.ts';

type Labels = Readonly<Record<string, string>>;
type LabelRule = Pick<Constraint, 'label' | 'operator' | 'values'>;

const labelIn = (labels: Labels, label: string): string | undefined => (Object.hasOwn(labels, label) ? labels[label] : undefined);

/** Returns whether the rule holds for a node with these labels. A missing label is in no list. */
export function holds({ label, operator, values = [] }: LabelRule, labels: Labels): boolean {
  const value = labelIn(labels, label);
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'not_in':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'not_exists':
      return value === undefined;
    default:
      return operator satisfies never;
  }
}

/** Returns why a node with these labels breaks a constraint: "has zone=b, but …". */
export function broken({ label, operator, values = [] }: LabelRule, labels: Labels): string {
  const value = labelIn(labels, label);
  const has = value === undefined ? `has no label ${label}` : `has ${label}=${value}`;
  const list = values.join(', ');
  switch (operator) {
    case 'in':
      return `${has}, but the session requires ${values.length === 1 ? `${label}=${list}` : `${label} to be one of ${list}`}`;
    case 'not_in':
      return `${has}, which the session excludes`;
    case 'exists':
      return has;
    case 'not_exists':
      return `${has}, but the session excludes nodes with the label ${label}`;
    default:
      return operator satisfies never;
  }
}

/** Returns the load that the broken preferences are worth: 1 for each 100 of weight. */
export function preferenceCost(preferences: readonly Preference[], labels: Labels): number {
  let percent = 0;
  for (const preference of preferences) if (!holds(preference, labels)) percent += preference.weight ?? DEFAULT_WEIGHT;
  return percent / 100;
}
