import { z } from 'zod';
import { fields, flag, type Infer, text, time, whole } from './fields.ts';
import { flagParameter } from './parameters.ts';

/** In seconds: how long a port can be public, or a viewer can use an address. */
export const SHARE_BOUNDS = { least: 10, mostPublic: 7 * 24 * 3600, mostPrivate: 12 * 3600 } as const;
export const DEFAULT_SHARE_S = 3600;
const MAX_PATH_CHARACTERS = 2048;

export const sharePort = fields({
  public: flag()
    .exactOptional()
    .describe('Whether anybody with the address can use the port, without credentials. Default: false, which admits one browser'),
  expires_in_s: whole(SHARE_BOUNDS.least, SHARE_BOUNDS.mostPublic)
    .exactOptional()
    .describe(
      `How long the port is public, at most ${SHARE_BOUNDS.mostPublic}; or how long a browser is admitted, at most ${SHARE_BOUNDS.mostPrivate}. Default: ${DEFAULT_SHARE_S}`,
    ),
  path: text(MAX_PATH_CHARACTERS)
    .refine((sent) => /^\/(?![/\\])[!-~]*$/.test(sent), 'must begin with one slash and be URL-encoded')
    .exactOptional()
    .describe('The path and query that the address leads to. Default: /'),
});
export type SharePort = Infer<typeof sharePort>;

export const shareObject = z
  .strictObject({
    port: z.int(),
    public: z.boolean(),
    url: z.string().describe('An address for a browser. If not public, it works once'),
    ticket: z
      .string()
      .nullable()
      .describe(
        'What is behind # in the address: valid once. Programs exchange it at POST /.raworc/enter on the same origin. Null if public',
      ),
    ticket_expires_at: time().nullable(),
    expires_at: time().describe('Until when the port is public, or the browser is admitted'),
  })
  .meta({ id: 'PortShare' });
export type ShareObject = Infer<typeof shareObject>;

export const portObject = z
  .strictObject({
    port: z.int(),
    listening: z.boolean(),
    addresses: z.array(z.string()).describe('The addresses in the session on which programs listen; 0.0.0.0 and :: are all'),
    url: z.string().nullable().describe('The origin of the port; null without a preview domain'),
    public_until: time().nullable(),
    public_by: z.string().nullable().describe('Who made the port public'),
  })
  .meta({ id: 'Port' });
export type PortObject = Infer<typeof portObject>;

export const portsQuery = z.object({
  follow: flagParameter('Sends a text/event-stream: `ports` with the list, then `opened` and `closed` as programs begin and end to listen'),
});
