import { z } from 'zod';
import type { KeptTime } from '../../domain/engine/agreed-time.ts';

const kept = z.object({
  at: z.number(),
  boot: z.object({ id: z.string(), ms: z.number() }).optional(),
  corrections: z.array(z.object({ from: z.number(), byMs: z.number() })),
});

export const keptTimeIn = (text: string | undefined): KeptTime | undefined =>
  text === undefined ? undefined : kept.parse(JSON.parse(text));
