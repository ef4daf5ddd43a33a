/** Rules over the labels of nodes, as users type them. */
import { Misuse } from './io.ts';

interface Rule {
  readonly label: string;
  readonly operator: 'in' | 'not_in' | 'exists' | 'not_exists';
  readonly values?: string[];
}
interface Preference extends Rule {
  readonly weight?: number;
}

const RULE = /^(?<not>!?)(?<label>[^=!:,]+)(?:(?<comparison>!?=)(?<values>[^=!:]*))?$/;

/** Parses zone=a, zone=a,b (one of these), zone!=a, gpu (has the label) and !gpu. */
export function labelRule(typed: string): Rule {
  const { not, label, comparison, values } = RULE.exec(typed)?.groups ?? {};
  if (label === undefined || (not === '!' && comparison !== undefined))
    throw new Misuse(`"${typed}" is not a rule about labels. Write zone=a, zone=a,b, zone!=a, gpu or !gpu`);
  if (comparison === undefined) return { label, operator: not === '!' ? 'not_exists' : 'exists' };
  return { label, operator: comparison === '=' ? 'in' : 'not_in', values: (values ?? '').split(',') };
}

/** Parses a rule with an optional weight: zone=a:80. */
export function preference(typed: string): Preference {
  const [, rule = typed, weight] = /^(.*):(\d{1,3})$/.exec(typed) ?? [];
  if (weight !== undefined && !(Number(weight) >= 1 && Number(weight) <= 100))
    throw new Misuse(`The weight in "${typed}" must be a number from 1 to 100`);
  return { ...labelRule(rule), ...(weight === undefined ? {} : { weight: Number(weight) }) };
}

/** Returns a rule as a user would type it. */
export function written({ label, operator, values = [], weight }: Preference): string {
  const list = values.join(',');
  const rule = { in: `${label}=${list}`, not_in: `${label}!=${list}`, exists: label, not_exists: `!${label}` }[operator];
  return weight === undefined ? rule : `${rule}:${weight}`;
}
