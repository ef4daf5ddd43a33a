import { resolve } from 'node:path';
import { AUDIT_RETENTION, type AuditRetention } from '../services/audit/audit-retention-loop.ts';
import { type Environment, isOn } from './values.ts';

export interface AuditSettings {
  readonly kept: AuditRetention;
  /** File to which records are appended as JSON lines. */
  readonly file: { readonly path: string; readonly maxBytes: number; readonly kept: number } | undefined;
  /** Whether records are also published to the bus. */
  readonly isOnBus: boolean;
}

const MIB = 1024 * 1024;

export const AUDIT_DEFAULTS: AuditSettings = { kept: AUDIT_RETENTION, file: undefined, isOnBus: false };

/**
 * Reads how long audit records are kept and where they are exported. @throws on an invalid value.
 */
export function readAuditSettings(env: Environment): AuditSettings {
  const path = env.RAWORC_AUDIT_FILE ?? '';
  return {
    kept: {
      days: whole(env, 'RAWORC_AUDIT_DAYS', AUDIT_RETENTION.days, 1),
      rows: whole(env, 'RAWORC_AUDIT_ROWS', AUDIT_RETENTION.rows, 1000),
      messageDays: whole(env, 'RAWORC_AUDIT_MESSAGE_DAYS', AUDIT_RETENTION.messageDays, 1),
      messageRows: whole(env, 'RAWORC_AUDIT_MESSAGE_ROWS', AUDIT_RETENTION.messageRows, 1000),
      refusedRows: whole(env, 'RAWORC_AUDIT_REFUSED_ROWS', AUDIT_RETENTION.refusedRows, 1000),
    },
    file:
      path === ''
        ? undefined
        : {
            path: resolve(path),
            maxBytes: whole(env, 'RAWORC_AUDIT_FILE_BYTES', 64 * MIB, MIB),
            kept: whole(env, 'RAWORC_AUDIT_FILES', 10, 0),
          },
    isOnBus: isOn(env, 'RAWORC_AUDIT_BUS'),
  };
}

function whole(env: Environment, name: string, otherwise: number, least: number): number {
  const value = env[name] ?? '';
  if (value === '') return otherwise;
  if (!/^\d{1,15}$/.test(value) || Number(value) < least)
    throw new Error(`${name} must be an integer of at least ${least}, not "${value}"`);
  return Number(value);
}
