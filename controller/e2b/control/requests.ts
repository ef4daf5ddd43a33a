/** Bodies of the control plane. Unknown fields are ignored, as E2B does; what Raworc does not keep is refused. */
import { z } from 'zod';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

const MAX_TIMEOUT_S = 365 * 24 * 3600;
const MAX_ENV_BYTES = 256 * 1024;
const MAX_METADATA_BYTES = 32 * 1024;

const seconds = z
  .number()
  .int()
  .max(MAX_TIMEOUT_S)
  .transform((value) => Math.max(0, value));
const isSmall = (most: number) => (sent: object) => Buffer.byteLength(JSON.stringify(sent)) <= most;
const strings = (most: number) => z.record(z.string(), z.string()).refine(isSmall(most), `must have at most ${most} bytes as JSON`);
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined);

export const createRequest = z.looseObject({
  templateID: z.string().min(1).max(255),
  timeout: optional(seconds),
  metadata: optional(strings(MAX_METADATA_BYTES)),
  envVars: optional(
    strings(MAX_ENV_BYTES).refine(
      (sent) => Object.entries(sent).every(([name, value]) => name !== '' && !/[=\0]/.test(name) && !value.includes('\0')),
      'must have names without = and NUL, and values without NUL',
    ),
  ),
  autoPause: optional(z.boolean()),
  autoPauseMemory: optional(z.boolean()),
  autoResume: optional(z.looseObject({ enabled: optional(z.boolean()) })),
});
export const timeoutRequest = z.looseObject({ timeout: optional(seconds) });
export const endRequest = z.looseObject({ timeout: seconds });
export const pauseRequest = z.looseObject({ memory: optional(z.boolean()) });
export const refreshRequest = z.looseObject({ duration: optional(seconds) });
export const forkRequest = z.looseObject({ count: optional(z.number().int().min(1).max(16)), timeout: optional(seconds) });
export const snapshotRequest = z.looseObject({ name: optional(z.string().min(1).max(128)) });

/** Names and values of fields that change nothing. */
const HARMLESS = (name: string, value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (name === 'allowPublicTraffic' && value === true) ||
  (name === 'allow_internet_access' && value === true) ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0);

type Sent = Readonly<Record<string, unknown>>;

/** Refuses rules of the network, which Raworc would not keep. */
export function refusedNetwork(network: unknown): Outcome<undefined> {
  if (network === undefined || network === null) return accepted(undefined);
  if (typeof network !== 'object' || Array.isArray(network)) return refused('BAD_REQUEST', 'network must be an object.');
  const kept = Object.entries(network).find(([name, value]) => !HARMLESS(name, value));
  if (kept === undefined) return accepted(undefined);
  return refused('BAD_REQUEST', `Raworc keeps no rules of a sandbox's network (${kept[0].slice(0, 64)}). Create the sandbox without them.`);
}

/** Refuses the options of a new sandbox that Raworc would not keep. */
export function refusedOptions(sent: Sent): Outcome<undefined> {
  if (sent.allow_internet_access === false)
    return refused('BAD_REQUEST', 'Raworc cannot cut a sandbox off from the internet. Leave allow_internet_access out, or send true.');
  if (sent.secure === false)
    return refused('BAD_REQUEST', 'Raworc has no sandboxes without an access token. Leave secure out, or send true.');
  const network = refusedNetwork(sent.network);
  if (!network.ok) return network;
  for (const [name, what] of [
    ['mcp', 'MCP gateways'],
    ['iam', 'identities'],
    ['volumeMounts', 'volumes'],
  ] as const)
    if (!HARMLESS(name, sent[name]))
      return refused('BAD_REQUEST', `Raworc has no ${what} for sandboxes. Create the sandbox without ${name}.`);
  return accepted(undefined);
}

/** Parses a body by its schema. 400 names the first field that is wrong. */
export function parsed<Schema extends z.ZodType>(schema: Schema, bytes: Buffer): Outcome<z.infer<Schema>> {
  let value: unknown;
  try {
    value = bytes.byteLength === 0 ? {} : JSON.parse(bytes.toString());
  } catch {
    return refused('BAD_REQUEST', 'The body is not valid JSON.');
  }
  const found = schema.safeParse(value ?? {});
  if (found.success) return accepted(found.data);
  const [issue] = found.error.issues;
  return refused('BAD_REQUEST', `${issue?.path.join('.') || 'The body'}: ${issue?.message ?? 'is invalid'}.`);
}
