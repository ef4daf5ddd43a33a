import { z } from 'zod';
import { fields, flag, free, type Infer, metadata, time, uuid, wording } from './fields.ts';
import { parsedParameter, timeIn, wordParameter } from './parameters.ts';

export const postMessage = fields({
  content: z.string({ error: wording }).min(1, 'must not be empty'),
  role: z.enum(['user', 'system'], { error: 'must be user or system' }).exactOptional(),
  metadata: metadata().exactOptional(),
  wake: flag().exactOptional(),
});
export type PostMessage = Infer<typeof postMessage>;

/** Bound of the grace of a cancelled message. */
export const MAX_CANCEL_GRACE_S = 600;

export const cancelMessage = fields({
  grace_s: z
    .number({ error: wording })
    .min(0, 'must be at least 0')
    .max(MAX_CANCEL_GRACE_S, `must be at most ${MAX_CANCEL_GRACE_S}`)
    .exactOptional()
    .describe('How long a run in progress can continue before it is interrupted. Default: 0'),
});
export type CancelMessage = Infer<typeof cancelMessage>;

const ROLES = ['user', 'agent', 'system'] as const;

export const messageFilter = z.object({
  role: wordParameter(ROLES, 'Returns only messages with this role'),
  since: parsedParameter(
    (sent): { readonly seq: number } | { readonly at: number } | undefined => {
      if (/^\d{1,15}$/.test(sent)) return { seq: Number(sent) };
      const at = timeIn(sent);
      return at === undefined ? undefined : { at };
    },
    'must be the seq of a message or an RFC 3339 time',
    'Returns only messages with a greater seq, or created after this time',
  ),
});
export type MessageFilter = Infer<typeof messageFilter>;

const message = {
  id: uuid(),
  session_id: uuid(),
  seq: z.int().min(1).describe('Position in the session, starting at 1'),
  role: z.enum(ROLES),
  content: z.string(),
  metadata: free().describe('An answer has type, agent, in_reply_to, run_id and duration_ms; a failure also has reason'),
  created_by: z.string(),
  created_at: time(),
};
export const messageObject = z.strictObject(message).meta({ id: 'Message' });
export type MessageObject = Infer<typeof messageObject>;

export const postedMessageObject = z
  .strictObject({ ...message, reply: messageObject.exactOptional().describe('With `wait`: the answer, if it came in time') })
  .meta({ id: 'PostedMessage' });

export const messageCountObject = z.strictObject({ count: z.int().min(0), session_id: uuid() }).meta({ id: 'MessageCount' });
export type MessageCountObject = Infer<typeof messageCountObject>;
