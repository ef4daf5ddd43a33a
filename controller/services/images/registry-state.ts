/** The registry, as far as images are brought through it. */
export interface RegistryState {
  readonly isUp: boolean;
  /** Whether pushes have to wait, until it is up again. */
  readonly isReadOnly?: boolean;
  /** Asks the registry itself whether it lacks an image or a part of it. @throws if it does not answer. */
  lacks(repository: string, digest: string): Promise<boolean>;
  /** Looks for damage of an image that could not be pulled. Returns whether it has to be pushed again. */
  repair?(digest: string): Promise<boolean>;
  /** Calls `listener` when the registry begins to serve. */
  onUp(listener: () => void): void;
}
