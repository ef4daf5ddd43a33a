import { ReadStream } from 'node:tty';
import { terminalBinding } from '../../guest/workers/terminals/binding.ts';
import { within } from './deadline.ts';

/** A program on a terminal of this machine, and the hands at its keyboard. */
export class TestTerminal {
  /** All that it printed. */
  output = '';
  /** Resolves to its exit code, or its signal. */
  readonly ended: Promise<string>;
  readonly pid: number;
  readonly #fd: number;
  readonly #terminal: ReadStream;
  readonly #looks = new Set<() => void>();
  #seen = 0;

  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>, cols = 80, rows = 24) {
    const binding = terminalBinding(import.meta.dirname);
    if (binding === undefined) throw new Error('npm ci has not installed the binding of terminals');
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    let onEnd: (how: string) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      onEnd = resolve;
    });
    const { fd, pid } = binding.fork(program, args, variables, process.cwd(), cols, rows, -1, -1, true, '', (code, signal) =>
      onEnd(signal === 0 ? `code ${code}` : `signal ${signal}`),
    );
    this.pid = pid;
    this.#fd = fd;
    this.#terminal = new ReadStream(fd);
    this.#terminal.setEncoding('utf8');
    // It fails once the program has gone.
    this.#terminal.on('error', () => undefined);
    this.#terminal.on('data', (text) => {
      this.output += String(text);
      for (const look of [...this.#looks]) look();
    });
  }

  type(keys: string): void {
    this.#terminal.write(keys);
  }

  resize(cols: number, rows: number): void {
    terminalBinding(import.meta.dirname)?.resize(this.#fd, cols, rows);
  }

  kill(): void {
    process.kill(this.pid, 'SIGKILL');
  }

  /** Resolves to what matches in the output after the last match. */
  async until(what: RegExp, limitMs = 10_000): Promise<string> {
    const found = new Promise<string>((resolve) => {
      const look = () => {
        const match = what.exec(this.output.slice(this.#seen));
        if (match === null) return;
        this.#looks.delete(look);
        this.#seen += match.index + match[0].length;
        resolve(match[0]);
      };
      this.#looks.add(look);
      look();
    });
    return within(`the terminal to show ${what}`, limitMs, found).catch((late: Error) => {
      throw new Error(`${late.message}\n${JSON.stringify(this.output.slice(this.#seen).slice(-2000))}`);
    });
  }
}
