import { print } from '../terminal.mjs';
import { parseLogLine, renderLogLine } from './log-line.ts';

/** Shows the lines of all processes once it is asked to; until then they are only in their files. */
export class LogView {
  #shown = false;

  readonly onLine = (name: string, line: string): void => {
    // nats-server's lines are for its file: what matters of it, the controller says.
    if (!this.#shown || (name === 'nats' && parseLogLine(line) === undefined)) return;
    print(`${renderLogLine(name, line)}\n`);
  };

  show(): void {
    this.#shown = true;
  }

  hide(): void {
    this.#shown = false;
  }
}
