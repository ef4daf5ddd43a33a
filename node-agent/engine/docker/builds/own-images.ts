import { readIfThere, writePrivateFile } from '../../../../seams/private-file.ts';

/**
 * The IDs of images that this node built itself, kept in a file. An ID is the hash of its image, so
 * no other image can have it. Labels prove nothing, because anyone can write them into an image.
 */
export class OwnImages {
  readonly #path: string;
  #ids: ReadonlySet<string>;
  /** Writes, one after another. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, ids: ReadonlySet<string>) {
    this.#path = path;
    this.#ids = ids;
  }

  static async open(path: string): Promise<OwnImages> {
    const text = (await readIfThere(path)) ?? '';
    return new OwnImages(path, new Set(text.split('\n').filter((id) => id !== '')));
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): Promise<void> {
    if (this.#ids.has(id)) return Promise.resolve();
    this.#ids = new Set([...this.#ids, id]);
    return this.#write();
  }

  /** Forgets all that are not among these. */
  keep(existing: ReadonlySet<string>): Promise<void> {
    const kept = new Set([...this.#ids].filter((id) => existing.has(id)));
    if (kept.size === this.#ids.size) return Promise.resolve();
    this.#ids = kept;
    return this.#write();
  }

  #write(): Promise<void> {
    const written = this.#writing.then(() => writePrivateFile(this.#path, [...this.#ids].join('\n')));
    this.#writing = written.catch(() => undefined);
    return written;
  }
}
