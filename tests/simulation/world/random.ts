import type { Random } from '../../../seams/random.ts';
import { seeded } from '../../unit/journal/simulated-disk.ts';

/**
 * A seeded random source. Each part of the world has its own fork, so that more draws in one change
 * nothing in another.
 */
export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #next: () => number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#next = seeded(this.#seed);
  }

  fork(name: string): SeededRandom {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    return new SeededRandom(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d));
  }

  fraction(): number {
    return this.#next();
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#next() * 256));
  }

  uuid(): string {
    const hex = Buffer.from(this.bytes(16));
    hex[6] = ((hex[6] ?? 0) & 0x0f) | 0x40;
    hex[8] = ((hex[8] ?? 0) & 0x3f) | 0x80;
    const text = hex.toString('hex');
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  between(least: number, most: number): number {
    return least + this.#next() * (most - least);
  }

  /** Skewed: most values are near `least`, few near `most`. */
  mostlySmall(least: number, most: number): number {
    return least + this.#next() ** 4 * (most - least);
  }

  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#next() * items.length)];
  }

  /** Picks a name by weight. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries<number>(weights) as [Name, number][];
    let left = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error('nothing to choose from');
  }
}
