import { RESOURCE_ALIASES, RESOURCES, type Resource, type Rule, VERB_ALIASES, VERBS, type Verb } from '../../contract/roles.ts';

/** What belongs to no space. Rights to these in a space are rights to nothing. */
const GLOBAL_RESOURCES: ReadonlySet<string> = new Set<Resource>(['service-accounts', 'roles', 'nodes', 'metrics']);

/** Answers about spaces that one caller asked for. */
const MAX_REMEMBERED = 10_000;

export interface Role {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A role held in one space, or (null) in all of them and globally. */
export interface Binding {
  readonly role: Role;
  readonly spaceId: string | null;
}

/**
 * What one subject may do: default deny, the union of its bindings, compiled once. An API key's own rules narrow all of it, also
 * what its owner may do with things of their own.
 */
export class Permissions {
  readonly #everywhere = new Rights();
  readonly #spaces = new Map<string, Rights>();
  readonly #bindings: readonly Binding[];
  /** What was asked before: a caller of thousands of spaces asks the same of each list. */
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
    const made = new Rights();
    this.#spaces.set(spaceId, made);
    return made;
  }

  /**
   * In `spaceId`, or globally when that is null (then only bindings to every space count). `names` are what the thing is called: a
   * rule that is narrowed to names allows what is called by one of them, and nothing that has no name.
   */
  allows(resource: Resource, verb: Verb, spaceId: string | null, ...names: readonly string[]): boolean {
    return this.#holds(`${resource}:${verb}`, spaceId, names);
  }

  /** Whether being the thing's creator counts: always, but for a key whose rules leave that out. */
  allowsOwn(resource: Resource, verb: Verb, ...names: readonly string[]): boolean {
    return this.#narrowing === undefined || this.#narrowing.has(`${resource}:${verb}`, names);
  }

  /**
   * Whether being the creator of a thing in `spaceId` counts: while the account itself holds any right there. The rules of a key do not
   * decide that; they have to include the verb.
   */
  allowsOwnIn(spaceId: string, resource: Resource, verb: Verb, ...names: readonly string[]): boolean {
    return this.holdsIn(spaceId) && this.allowsOwn(resource, verb, ...names);
  }

  /** Whether the account, whatever a key narrows it to, holds any right to things of that space. */
  holdsIn(spaceId: string): boolean {
    const known = this.#holding.get(spaceId);
    if (known !== undefined) return known;
    const holds = this.#everywhere.anyOfASpace(undefined) || this.#spaces.get(spaceId)?.anyOfASpace(undefined) === true;
    if (this.#holding.size >= MAX_REMEMBERED) this.#holding.clear();
    this.#holding.set(spaceId, holds);
    return holds;
  }

  /** The spaces of which {@link holdsIn} is true: all of them, or those named. */
  spacesHeld(): 'all' | ReadonlySet<string> {
    if (this.#everywhere.anyOfASpace(undefined)) return 'all';
    return new Set([...this.#spaces.keys()].filter((spaceId) => this.holdsIn(spaceId)));
  }

  /** The spaces in which it allows something: all of them, or those named. */
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

  /** Whether anything at all is allowed there, so that its existence is no secret. */
  knows(spaceId: string): boolean {
    return this.#everywhere.anyOfASpace(this.#narrowing) || this.#spaces.get(spaceId)?.anyOfASpace(this.#narrowing) === true;
  }

  /** Whether these rules, given in that space (or everywhere), allow nothing that this does not. */
  covers(rules: readonly Rule[], spaceId: string | null): boolean {
    const theirs = new Rights();
    for (const rule of rules) theirs.add(rule);
    return theirs.every((right, names) => this.#holds(right, spaceId, names));
  }

  /** Whether a key with these rules (null: all that its owner may) stays within what this one is narrowed to. */
  coversKey(rules: readonly Rule[] | null): boolean {
    const narrowing = this.#narrowing;
    if (narrowing === undefined) return true;
    if (rules === null) return false;
    const theirs = new Rights();
    for (const rule of rules) theirs.add(rule);
    return theirs.every((right, names) => narrowing.has(right, names));
  }

  /** Whether it may do all that can be done, everywhere, also what later versions add. */
  get allowsEverything(): boolean {
    return this.#holds('*:*', null, []);
  }

  roleNames(): string[] {
    return [...new Set(this.#bindings.map(({ role }) => role.name))];
  }

  /** Each role with where it is held; null: everywhere. */
  bindings(): readonly { readonly role: string; readonly spaceId: string | null }[] {
    return this.#bindings.map(({ role, spaceId }) => ({ role: role.name, spaceId }));
  }

  #holds(right: string, spaceId: string | null, names: readonly string[]): boolean {
    if (this.#narrowing !== undefined && !this.#narrowing.has(right, names)) return false;
    if (this.#everywhere.has(right, names)) return true;
    return spaceId !== null && this.#spaces.get(spaceId)?.has(right, names) === true;
  }
}

/** Whether all that `theirs` allow is allowed by `mine`: then granting it, or acting as its holder, gains nothing. */
export const covers = (mine: Permissions, theirs: readonly Binding[]): boolean =>
  theirs.every(({ role, spaceId }) => mine.covers(role.rules, spaceId));

/**
 * Rules by what they allow, as "resource:verb", each for all names or for some. A wildcard stands for every word and for itself, so that
 * it is covered by a wildcard only: by a list of all words that there are today it is not.
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

  /** Each right for all names with none, each right for one name with that. */
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
