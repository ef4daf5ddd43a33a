/** The objects of E2B's control plane. */
import { rfc3339 } from '../../domain/engine/time.ts';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';
import type { Granted, Sandbox } from '../../services/sandboxes/sandbox-service.ts';
import { snapshotId } from '../../services/sandboxes/templates.ts';

/** The release of E2B's server inside sandboxes whose calls are all here, except metadata of files. */
export const ENVD_VERSION = '0.6.1';
const CLIENT = 'raworc';
const MIB = 1024 * 1024;

/** `domain`: of addresses of ports; undefined if none is configured. */
export const sandboxObject = ({ sandbox, token }: Granted, domain: string | undefined) => ({
  sandboxID: sandbox.id,
  templateID: sandbox.template,
  clientID: CLIENT,
  envdVersion: ENVD_VERSION,
  envdAccessToken: token,
  domain: domain ?? null,
});

export const stateOf = ({ session }: Sandbox): 'running' | 'paused' => (session.desired === 'running' ? 'running' : 'paused');

export const listedObject = (found: Sandbox) => {
  const { sandbox, session } = found;
  return {
    sandboxID: sandbox.id,
    templateID: sandbox.template,
    alias: sandbox.template,
    clientID: CLIENT,
    startedAt: rfc3339(sandbox.createdAt),
    endAt: rfc3339(sandbox.timeoutAt + sandbox.timeoutMs),
    cpuCount: Math.max(1, Math.ceil(session.limits.cpuMillis / 1000)),
    memoryMB: Math.floor(session.limits.memoryBytes / MIB),
    diskSizeMB: Math.floor(session.limits.diskBytes / MIB),
    state: stateOf(found),
    envdVersion: ENVD_VERSION,
    metadata: session.metadata,
  };
};

export const detailObject = (granted: Granted, domain: string | undefined) => ({
  ...listedObject(granted),
  domain: domain ?? null,
  envdAccessToken: granted.token,
  allowInternetAccess: null,
  lifecycle: { autoResume: granted.sandbox.autoResume, onTimeout: granted.sandbox.onTimeout === 'kill' ? 'kill' : 'pause' },
});

export const snapshotObject = (row: SandboxRow) => ({ snapshotID: snapshotId(row.id), names: row.name === null ? [] : [row.name] });
