import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

/** A log of bounded size: past half the bound it is set aside as `.1`, in the place of the one before. */
export class LogFile {
  readonly #path: string;
  readonly #halfBytes: number;
  #file: number;
  #bytes: number;

  constructor(path: string, boundBytes = 32 * 1024 ** 2) {
    this.#path = path;
    this.#halfBytes = boundBytes / 2;
    this.#bytes = existsSync(path) ? statSync(path).size : 0;
    this.#file = openSync(path, 'a', 0o600);
  }

  get path(): string {
    return this.#path;
  }

  write(line: string): void {
    if (this.#bytes > this.#halfBytes) this.#turn();
    this.#bytes += writeSync(this.#file, `${line}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }

  #turn(): void {
    closeSync(this.#file);
    renameSync(this.#path, `${this.#path}.1`);
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#bytes = 0;
  }
}
