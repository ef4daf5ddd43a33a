/** Permissions judged again, by the contract's words alone: slowly, without anything compiled, and sharing no code with the product. */

export interface NaiveRule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resource_names?: readonly string[];
}
export interface NaiveBinding {
  readonly rules: readonly NaiveRule[];
  /** Null: every space. */
  readonly space: string | null;
}
export interface NaiveSubject {
  readonly bindings: readonly NaiveBinding[];
  /** Of the API key that asks; null for a token, and for a key that is not narrowed. */
  readonly key: readonly NaiveRule[] | null;
}

export const RESOURCES = 'service-accounts roles role-bindings spaces secrets agents builds sessions nodes events audit metrics'.split(' ');
export const VERBS = 'list get create update delete read-values deploy logs exec files ports'.split(' ');
const OF_A_SPACE = 'role-bindings spaces secrets agents builds sessions events audit'.split(' ');
/** What a later version may add: only a wildcard allows it. */
const UNHEARD_OF = 'unheard-of';

const meant = (word: string) => ({ read: 'get', 'space-secrets': 'secrets', session_messages: 'sessions' })[word] ?? word;
const has = (list: readonly string[], word: string) => list.some((one) => one === '*' || meant(one) === word);

function allows({ resources, verbs, resource_names }: NaiveRule, resource: string, verb: string, names: readonly string[]): boolean {
  if (!has(resources, resource) || !has(verbs, verb)) return false;
  return resource_names === undefined || resource_names.includes('*') || names.some((name) => resource_names.includes(name));
}

const withinKey = ({ key }: NaiveSubject, resource: string, verb: string, names: readonly string[]) =>
  key === null || key.some((rule) => allows(rule, resource, verb, names));

/** In a space, or globally (null). */
export function may(subject: NaiveSubject, resource: string, verb: string, space: string | null, names: readonly string[] = []): boolean {
  if (!withinKey(subject, resource, verb, names)) return false;
  const there = subject.bindings.filter((binding) => binding.space === null || binding.space === space);
  return there.some(({ rules }) => rules.some((rule) => allows(rule, resource, verb, names)));
}

/** With what belongs to the caller's own account. A key has to include it. */
export const mayOwn = withinKey;

/** Whether it is enough to have created a thing in that space: while the account, by whatever credential, holds something there. */
export const ownCounts = ({ bindings }: NaiveSubject, space: string): boolean => holdsSomething({ bindings, key: null }, space);

/** Whether a subject holds anything in a space. */
export function holdsSomething(subject: NaiveSubject, space: string): boolean {
  const anyName = (rules: readonly NaiveRule[], resource: string, verb: string) =>
    rules.some((rule) => has(rule.resources, resource) && has(rule.verbs, verb));
  const there = subject.bindings.filter((binding) => binding.space === null || binding.space === space);
  return OF_A_SPACE.some((resource) =>
    VERBS.some(
      (verb) => (subject.key === null || anyName(subject.key, resource, verb)) && there.some(({ rules }) => anyName(rules, resource, verb)),
    ),
  );
}

/** Whether all that these bindings allow, the subject may. `names` are all that any rule speaks of. */
export function holdsAllOf(subject: NaiveSubject, theirs: readonly NaiveBinding[], names: readonly string[]): boolean {
  const calls = [[], ...names.map((name) => [name])];
  for (const { rules, space } of theirs) {
    for (const resource of [...RESOURCES, UNHEARD_OF]) {
      for (const verb of [...VERBS, UNHEARD_OF]) {
        for (const called of calls) {
          if (rules.some((rule) => allows(rule, resource, verb, called)) && !may(subject, resource, verb, space, called)) return false;
        }
      }
    }
  }
  return true;
}
