import { z } from 'zod';
import type { Infer } from './fields.ts';

const checks = z.record(z.string(), z.string()).describe('"ok" or an error, by check');
const degraded = z.record(z.string(), z.number().int()).describe('Number of degraded parts by kind. Only kinds above 0 are listed');

export const healthyObject = z.strictObject({ status: z.enum(['ok', 'degraded']), checks, degraded }).meta({ id: 'Health' });
export const failingObject = z
  .strictObject({ status: z.literal('failing'), checks, degraded, error: z.strictObject({ code: z.string(), message: z.string() }) })
  .meta({ id: 'FailingHealth' });
export const healthObject = z.union([healthyObject, failingObject]);
export type HealthObject = Infer<typeof healthObject>;

export const versionObject = z.strictObject({ version: z.string(), api: z.literal('v0') }).meta({ id: 'Version' });
