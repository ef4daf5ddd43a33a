import type { Accounts } from '../access/login-service.ts';
import type { Background } from '../engine/background.ts';
import { type SandboxAccess, sandboxAccess } from './sandbox-access.ts';
import { sandboxEndsLoop } from './sandbox-ends-loop.ts';
import { type SandboxDeps, type Sandboxes, sandboxService } from './sandbox-service.ts';
import { type SandboxTokens, sandboxTokens } from './sandbox-tokens.ts';
import { Signers } from './signers.ts';

/** What the edge of E2B's API needs of sandboxes. */
export interface SandboxServices {
  readonly sandboxes: Sandboxes;
  readonly access: SandboxAccess;
  readonly tokens: SandboxTokens;
  /** Calls the listener when a session no longer runs. */
  onRest(listener: (id: string) => void): void;
}

export interface OpenSandboxesDeps extends Omit<SandboxDeps, 'tokens'>, Pick<Background, 'loops' | 'log'> {
  readonly accounts: Pick<Accounts, 'callerOf'>;
  readonly storeKey: Uint8Array;
}

export function openSandboxes(deps: OpenSandboxesDeps, graceMs: number): SandboxServices {
  const { applier, view, accounts, clock, storeKey } = deps;
  const tokens = sandboxTokens(storeKey);
  const signers = new Signers({ view, tokens, clock });
  applier.onCommitted(({ mutations }) => signers.committed(mutations));
  sandboxEndsLoop(deps, graceMs);
  return {
    tokens,
    sandboxes: sandboxService({ ...deps, tokens }),
    access: sandboxAccess({ view, accounts, tokens, signers, clock }),
    onRest(listener) {
      applier.onCommitted(({ mutations }) => {
        for (const mutation of mutations)
          if (mutation.kind === 'put' && mutation.table === 'sessions' && mutation.row.desired !== 'running') listener(mutation.row.id);
      });
    },
  };
}
