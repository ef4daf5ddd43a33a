/** Options that several commands have. */
import { InvalidArgumentError } from 'commander';

export const SPACE = ['--space <space>', 'the space', 'default'] as const;
export const JSON_LIST = ['--json', 'as JSON'] as const;
const more = (value: string, before: readonly string[] = []) => [...before, value];
export const CONSTRAINT = [
  '--constraint <rule>',
  'only on nodes with these labels: zone=a, zone=a,b, zone!=a, gpu or !gpu; repeatable',
  more,
] as const;
export const PREFER = [
  '--prefer <rule>',
  'rather on nodes with these labels; a weight of 1 to 100 can follow: zone=a:80; repeatable',
  more,
] as const;
export const INCLUDE = ['--include <pattern>', 'upload what is left out by default, such as node_modules; repeatable', more] as const;
export const OVER_A_RESTART = { isPatient: true };

/** A whole number from 0 to `most`. */
export const whole =
  (most: number) =>
  (text: string): number => {
    if (!/^\d{1,6}$/.test(text) || Number(text) > most) throw new InvalidArgumentError(`It must be a whole number from 0 to ${most}.`);
    return Number(text);
  };

export function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a positive integer.');
  return Number(text);
}
