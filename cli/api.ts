import { z } from 'zod';

/** What REST answers with, as far as the command line reads it. What it does not know of it leaves alone. */
const text = z.string();
const time = z.string();

export const login = z.object({ token: text, expires_at: time });

export const session = z.looseObject({
  id: text,
  name: text.nullable(),
  space: text,
  state: text,
  node: text.nullable(),
  created_at: time,
  termination_reason: text.nullish(),
  settled: z.boolean().optional(),
  container_id: text.nullish(),
  persistent_volume_id: text.nullish(),
  timeouts: z.record(z.string(), z.number()).optional(),
  created_by: text.optional(),
  last_activity_at: text.nullish(),
});
export type Session = z.infer<typeof session>;
export const sessions = z.array(session);

export const message = z.looseObject({
  id: text,
  seq: z.number(),
  role: text,
  content: text,
  metadata: z.record(z.string(), z.unknown()),
});
export type Message = z.infer<typeof message>;
export const messages = z.array(message);

export const agent = z.looseObject({ name: text, space: text, status: text });
export const source = z.looseObject({ digest: text, size_bytes: z.number(), files: z.number(), runtime: text, handler: text });

export const build = z.looseObject({ id: text, space: text, status: text, image_tag: text.nullish(), error: text.nullish() });
export type Build = z.infer<typeof build>;

export const node = z.looseObject({
  id: text,
  name: text,
  status: text,
  version: text,
  capacity: z.object({ cpu: z.number(), memory_bytes: z.number(), sessions: z.number().nullish() }),
  requested: z.object({ cpu: z.number(), memory_bytes: z.number() }),
  sessions: z.number(),
});
export const nodes = z.array(node);
export const orphan = z.looseObject({
  session_id: text,
  generation: z.number(),
  container_id: text.nullable(),
  persistent_volume_id: text.nullable(),
  space: text.nullable(),
  image: text.nullable(),
});
export const orphans = z.array(orphan);
export const nodeToken = z.object({ token: text, expires_at: time });

/** The data of events. */
export const delta = z.object({ message_id: text, run_id: text, number: z.number(), text });
export const messageEvent = z.object({ message });
export const buildEvent = z.object({ build });

export const failure = z.object({ error: z.object({ code: text, message: text }) });
