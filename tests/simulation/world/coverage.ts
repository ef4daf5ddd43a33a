import { COMMANDS, type CommandName } from './commands.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { PHASES, type Phase } from './phases.ts';

const letterAt = (at: number) => String.fromCharCode('A'.charCodeAt(0) + at);

type Column = Phase | 'any time';

/** Counts faults by phase, and commands, over many runs. */
export class Coverage {
  readonly #counts = new Map<string, number>();
  readonly #commands = new Map<CommandName, number>();

  add(struck: readonly { readonly fault: FaultName; readonly phase: Column }[], asked: ReadonlyMap<CommandName, number>): void {
    for (const [name, times] of asked) this.#commands.set(name, (this.#commands.get(name) ?? 0) + times);
    for (const { fault, phase } of struck) {
      const key = `${phase} ${fault}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
  }

  /** Returns a table of faults by phase, and the number of commands by name. */
  table(): string {
    const faults = Object.keys(FAULTS) as FaultName[];
    const letters = faults.map((_, at) => (at < 26 ? letterAt(at) : `${letterAt(at - 26)}${letterAt(at - 26)}`));
    const rows: Column[] = [...PHASES, 'any time'];
    const count = (phase: Column, fault: FaultName) => this.#counts.get(`${phase} ${fault}`) ?? 0;
    const width = Math.max(...rows.map((phase) => phase.length));
    const reached = PHASES.flatMap((phase) => faults.filter((fault) => count(phase, fault) > 0)).length;
    const lines = [
      ...faults.map((fault, at) => `  ${(letters[at] ?? '').padEnd(2)} ${fault}`),
      '',
      `${''.padEnd(width)}${letters.map((letter) => letter.padStart(5)).join('')}`,
      ...rows.map((phase) => `${phase.padEnd(width)}${faults.map((fault) => String(count(phase, fault) || '·').padStart(5)).join('')}`),
      '',
      `${reached} of ${PHASES.length * faults.length} pairs of phase and fault reached`,
      '',
      (Object.keys(COMMANDS) as CommandName[]).map((name) => `${name} ${this.#commands.get(name) ?? 0}`).join(', '),
    ];
    return lines.join('\n');
  }
}
