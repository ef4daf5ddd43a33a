/** Finds secrets in bytes, in the encodings that programs use for text. */
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The encodings of a text, by name. */
export function shapesOf(secret: string): ReadonlyMap<string, Buffer> {
  const utf8 = Buffer.from(secret, 'utf8');
  const utf16 = Buffer.from(secret, 'utf16le');
  const shapes = new Map<string, Buffer>([
    ['plain', utf8],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['HEX', Buffer.from(utf8.toString('hex').toUpperCase())],
    ['UTF-16LE', utf16],
    ['UTF-16BE', Buffer.from(utf16).swap16()],
  ]);
  // Within a longer text a secret begins at any of three places of a base64 group; what its
  // neighbours have a part in is left out.
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), utf8])
      .toString('base64')
      .replaceAll('=', '');
    const whole = text.slice(before === 0 ? 0 : before + 1, Math.floor(((before + utf8.length) * 8) / 6));
    shapes.set(`base64 at ${before}`, Buffer.from(whole));
    shapes.set(`base64url at ${before}`, Buffer.from(whole.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return shapes;
}

const IMAGE = /\/disks\/[^/]+\/image$/;

export class Needles {
  readonly #shapes: readonly (readonly [what: string, bytes: Buffer])[];
  readonly #longest: number;

  constructor(secrets: readonly string[]) {
    this.#shapes = secrets.flatMap((secret, at) =>
      [...shapesOf(secret)].map(([shape, bytes]) => [`secret ${at} as ${shape}`, bytes] as const),
    );
    this.#longest = Math.max(...this.#shapes.map(([, bytes]) => bytes.length));
  }

  /** Returns which secrets these bytes contain, and in which encoding. */
  in(bytes: Buffer): string[] {
    return this.#shapes.flatMap(([what, shape]) => (bytes.includes(shape) ? [what] : []));
  }

  async inFile(path: string): Promise<string[]> {
    const found = new Set<string>();
    let tail: Buffer = Buffer.alloc(0);
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      const bytes = Buffer.concat([tail, chunk as Buffer]);
      for (const what of this.in(bytes)) found.add(what);
      tail = bytes.subarray(-this.#longest);
    }
    return [...found];
  }

  /**
   * Every file below a directory that holds one, and how many files there were. Links are not followed. Images of disks are left out: what is in them
   * is searched where they are mounted.
   */
  async below(directory: string): Promise<{ readonly found: string[]; readonly files: number }> {
    const found: string[] = [];
    let files = 0;
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || IMAGE.test(path) || !(await isThere(path))) continue;
      files += 1;
      for (const what of await this.inFile(path)) found.push(`${path}: ${what}`);
    }
    return { found, files };
  }
}

const isThere = (path: string) =>
  lstat(path).then(
    (status) => status.isFile(),
    () => false,
  );
