import { isDeepStrictEqual } from 'node:util';
import type { Secrets__Output as Secrets } from '../../proto/generated/raworc/v0/Secrets.ts';
import type { Setup } from './worker-host.ts';

/**
 * The agents of the session and the secrets of its space, as the host last sent them. Secrets are
 * kept in memory only.
 */
export class AgentSetup {
  #current: Setup | undefined;
  #secrets: Readonly<Record<string, string>> = {};
  /** Version of the secrets in memory. Each start of the guest begins with none, version 0. */
  #version = 0;
  /** The newest version that was requested of this host. */
  #askedVersion = 0;

  /**
   * Undefined before the first host connects. Unchanged content keeps the same object, so that runs
   * need not compare.
   */
  get current(): Setup | undefined {
    return this.#current;
  }

  /** Whether the next message waits for newer secrets. */
  get awaitsSecrets(): boolean {
    return this.#askedVersion > this.#version;
  }

  /** A host has connected, and no secrets were requested of it yet. */
  configure(setup: Omit<Setup, 'environment'>): void {
    this.#askedVersion = 0;
    this.#update({ ...setup, environment: this.#current?.environment ?? {} });
  }

  /** Returns whether these secrets are newer than those in memory. */
  updateSecrets({ version, values, withheld }: Pick<Secrets, 'version' | 'values' | 'withheld'>): boolean {
    if (!this.#current || version <= this.#version) return false;
    this.#version = version;
    this.#secrets = values;
    const ofAgents = Object.entries(values).filter(([name]) => !withheld.includes(name));
    this.#update({ ...this.#current, environment: Object.fromEntries(ofAgents) });
    return true;
  }

  /** All secrets of the space, also those that agents do not get. */
  get secrets(): Readonly<Record<string, string>> {
    return this.#secrets;
  }

  hasSecrets(version: number): boolean {
    return version <= this.#version;
  }

  /**
   * Returns whether this version must be requested of the host. It is requested once, and the host
   * sends it when it can.
   */
  askFor(version: number): boolean {
    if (version <= this.#askedVersion) return false;
    this.#askedVersion = version;
    return true;
  }

  #update(setup: Setup): void {
    if (!isDeepStrictEqual(setup, this.#current)) this.#current = setup;
  }
}
