import { Child } from './processes.ts';

/** The test's own nats-server, which keeps its port over restarts. */
export class NatsServer {
  readonly port: number;
  readonly url: string;
  #child: Child | undefined;

  constructor(port: number) {
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
  }

  /** Resolves once it serves. */
  async start(): Promise<void> {
    this.#child = new Child(
      'nats-server',
      'nats-server',
      ['-a', '127.0.0.1', '-p', String(this.port)],
      { PATH: process.env.PATH ?? '' },
      '/',
    );
    await this.#child.untilLine('nats-server to be ready', (line) => line.includes('Server is ready'));
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  get process(): Child {
    if (this.#child === undefined) throw new Error('nats-server was never started');
    return this.#child;
  }
}
