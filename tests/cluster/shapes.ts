/** The fields of REST objects that the tests read. */
import { z } from 'zod';

export const sessionShape = z.looseObject({
  id: z.uuid(),
  space: z.string(),
  state: z.enum(['init', 'idle', 'busy', 'paused', 'suspended', 'error']),
  container_id: z.string().nullish(),
  persistent_volume_id: z.string().nullish(),
  node: z.string().nullish(),
  running: z.boolean(),
  settled: z.boolean(),
  termination_reason: z.string().nullish(),
});
export type Session = z.infer<typeof sessionShape>;

export const messageShape = z.looseObject({
  id: z.uuid(),
  session_id: z.uuid(),
  seq: z.number().int(),
  role: z.enum(['user', 'agent', 'system']),
  content: z.string(),
  metadata: z.record(z.string(), z.unknown()),
});
export type Message = z.infer<typeof messageShape>;

export const exchangeShape = messageShape.extend({ reply: messageShape });
export type Exchange = z.infer<typeof exchangeShape>;

export const buildShape = z.looseObject({
  id: z.uuid(),
  status: z.enum(['pending', 'building', 'completed', 'failed']),
  image_tag: z.string().nullish(),
  error: z.string().nullish(),
});
export type Build = z.infer<typeof buildShape>;

export const nodeShape = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  status: z.string(),
  sessions: z.number(),
  images: z.array(z.string()),
});
export type Node = z.infer<typeof nodeShape>;

export const errorShape = z.looseObject({ error: z.looseObject({ code: z.string(), message: z.string() }) });
