import { RESOURCE_ALIASES, RESOURCES, type Resource, type Rule, VERB_ALIASES, VERBS, type Verb } from '../../contract/access/roles.ts';

/** Resources outside spaces. A role bound in one space grants nothing on these. */
const GLOBAL_RESOURCES: ReadonlySet<string> = new Set<Resource>(['service-accounts', 'roles', 'nodes', 'metrics']);

/** Maximum number of cached answers per caller. */
const MAX_REMEMBERED = 10_000;

export interface Role {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A role bound in one space, or (null) in all spaces and globally. */
export interface Binding {
  readonly role: Role;
  readonly spaceId: string | null;
}

/**
 * The permissions of one caller: default deny, the union of the role bindings, compiled once. An
 * API key's rules narrow all of it, also the rights on the caller's own resources.
 */
export class Permissions {
  readonly #everywhere = new Rights();
  readonly #spaces = new Map<string, Rights>();
  readonly #bindings: readonly Binding[];
  /** Cached answers: a caller with thousands of spaces asks the same for each list. */
  readonly #allowing = new Map<string, 'all' | ReadonlySet<string>>();
  readonly #narrowing: Rights | undefined;
  readonly #holding = new Map<string, boolean>();

  constructor(bindings: readonly Binding[], narrowing: readonly Rule[] | null = null) {
    this.#bindings = bindings;
    for (const { role, spaceId } of bindings) {
      for (const rule of role.rules) this.#in(spaceId).add(rule);
    }
    if (narrowing !== null) {
      this.#narrowing = new Rights();
      for (const rule of narrowing) this.#narrowing.add(rule);
    }
  }

  #in(spaceId: string | null): Rights {
    if (spaceId === null) return this.#everywhere;
    const known = this.#spaces.get(spaceId);
    if (known !== undefined) return known;
    const created = new Rights();
    this.#spaces.set(spaceId, created);
    return created;
  }

  /**
   * Whether the verb is allowed in `spaceId`, or globally when that is null (then only bindings to
   * every space count). `names` are the resource's names: a rule limited to names allows resources
   * with one of them, and none without a name.
   */
  allows(resource: Resource, verb: Verb, spaceId: string | null, ...names: readonly string[]): boolean {
    return this.#holds(`${resource}:${verb}`, spaceId, names);
  }

  /**
   * Returns whether the creator of a resource has this right on it: always, unless the API key's
   * rules exclude the verb.
   */
  allowsOwn(resource: Resource, verb: Verb, ...names: readonly string[]): boolean {
    return this.#narrowing === undefined || this.#narrowing.has(`${resource}:${verb}`, names);
  }

  /**
   * Whether the creator of a resource in `spaceId` has this right on it: while the account has any
   * right in that space. An API key's rules must include the verb.
   */
  allowsOwnIn(spaceId: string, resource: Resource, verb: Verb, ...names: readonly string[]): boolean {
    return this.hasRightsIn(spaceId) && this.allowsOwn(resource, verb, ...names);
  }

  /** Whether the account has any right in that space, ignoring the API key's rules. */
  hasRightsIn(spaceId: string): boolean {
    const known = this.#holding.get(spaceId);
    if (known !== undefined) return known;
    const holds = this.#everywhere.anyOfASpace(undefined) || this.#spaces.get(spaceId)?.anyOfASpace(undefined) === true;
    if (this.#holding.size >= MAX_REMEMBERED) this.#holding.clear();
    this.#holding.set(spaceId, holds);
    return holds;
  }

  /** Returns the spaces for which {@link hasRightsIn} is true: all, or a set of ids. */
  spacesWithRights(): 'all' | ReadonlySet<string> {
    if (this.#everywhere.anyOfASpace(undefined)) return 'all';
    return new Set([...this.#spaces.keys()].filter((spaceId) => this.hasRightsIn(spaceId)));
  }

  /** Returns the spaces in which the verb is allowed: all, or a set of ids. */
  spacesAllowing(resource: Resource, verb: Verb): 'all' | ReadonlySet<string> {
    const right = `${resource}:${verb}`;
    const known = this.#allowing.get(right);
    if (known !== undefined) return known;
    const found = this.allows(resource, verb, null)
      ? 'all'
      : new Set([...this.#spaces.keys()].filter((spaceId) => this.allows(resource, verb, spaceId)));
    this.#allowing.set(right, found);
    return found;
  }

  /**
   * Returns whether the caller has any permission in that space, and so can know that it exists.
   */
  knows(spaceId: string): boolean {
    return this.#everywhere.anyOfASpace(this.#narrowing) || this.#spaces.get(spaceId)?.anyOfASpace(this.#narrowing) === true;
  }

  /**
   * Returns whether these permissions include everything that the rules would grant, bound in that
   * space or everywhere.
   */
  covers(rules: readonly Rule[], spaceId: string | null): boolean {
    const theirs = new Rights();
    for (const rule of rules) theirs.add(rule);
    return theirs.every((right, names) => this.#holds(right, spaceId, names));
  }

  /**
   * Returns whether a key with these rules (null: all rights of its owner) has no more rights than
   * the caller's own API key.
   */
  coversKey(rules: readonly Rule[] | null): boolean {
    const narrowing = this.#narrowing;
    if (narrowing === undefined) return true;
    if (rules === null) return false;
    const theirs = new Rights();
    for (const rule of rules) theirs.add(rule);
    return theirs.every((right, names) => narrowing.has(right, names));
  }

  /**
   * Returns whether everything is allowed everywhere, including resources and verbs of later
   * versions.
   */
  get allowsEverything(): boolean {
    return this.#holds('*:*', null, []);
  }

  roleNames(): string[] {
    return [...new Set(this.#bindings.map(({ role }) => role.name))];
  }

  /** Returns each role with its space; null means every space. */
  bindings(): readonly { readonly role: string; readonly spaceId: string | null }[] {
    return this.#bindings.map(({ role, spaceId }) => ({ role: role.name, spaceId }));
  }

  #holds(right: string, spaceId: string | null, names: readonly string[]): boolean {
    if (this.#narrowing !== undefined && !this.#narrowing.has(right, names)) return false;
    if (this.#everywhere.has(right, names)) return true;
    return spaceId !== null && this.#spaces.get(spaceId)?.has(right, names) === true;
  }
}

/**
 * Returns whether `mine` includes everything that `theirs` allow, so that granting `theirs` gains
 * nothing.
 */
export const covers = (mine: Permissions, theirs: readonly Binding[]): boolean =>
  theirs.every(({ role, spaceId }) => mine.covers(role.rules, spaceId));

/**
 * Rules as "resource:verb" pairs, each for all names or for some. A wildcard counts as a word of
 * its own, so only a wildcard covers it: the list of all current words does not.
 */
class Rights {
  readonly #all = new Set<string>();
  readonly #named = new Map<string, Set<string>>();

  add({ resources, verbs, resource_names: names }: Rule): void {
    const isForAll = names === undefined || names.includes('*');
    for (const resource of words(resources, RESOURCES, RESOURCE_ALIASES)) {
      for (const verb of words(verbs, VERBS, VERB_ALIASES)) {
        const right = `${resource}:${verb}`;
        if (isForAll) this.#all.add(right);
        else this.#name(right, names);
      }
    }
  }

  #name(right: string, names: readonly string[]): void {
    const known = this.#named.get(right);
    if (known === undefined) this.#named.set(right, new Set(names));
    else for (const name of names) known.add(name);
  }

  has(right: string, names: readonly string[]): boolean {
    if (this.#all.has(right)) return true;
    if (this.#named.size === 0 || names.length === 0) return false;
    const known = this.#named.get(right);
    return known !== undefined && names.some((name) => known.has(name));
  }

  /**
   * Tests each right: one for all names with an empty list, one for a single name with that name.
   */
  every(test: (right: string, names: readonly string[]) => boolean): boolean {
    for (const right of this.#all) if (!test(right, [])) return false;
    for (const [right, names] of this.#named) for (const name of names) if (!test(right, [name])) return false;
    return true;
  }

  anyOfASpace(narrowing: Rights | undefined): boolean {
    for (const right of [...this.#all, ...this.#named.keys()]) {
      const [resource = ''] = right.split(':');
      if (!GLOBAL_RESOURCES.has(resource) && (narrowing === undefined || narrowing.mentions(right))) return true;
    }
    return false;
  }

  mentions(right: string): boolean {
    return this.#all.has(right) || this.#named.has(right);
  }
}

function words(sent: readonly string[], known: readonly string[], aliases: Readonly<Record<string, string>>): readonly string[] {
  if (sent.includes('*')) return [...known, '*'];
  return sent.map((word) => (Object.hasOwn(aliases, word) ? (aliases[word] ?? word) : word));
}
