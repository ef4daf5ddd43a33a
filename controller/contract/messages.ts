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

const include = wordParameter(['hops'], 'Includes what agents asked one another: messages with the metadata type hop');
export const messageInclude = z.object({ include });
export type MessageInclude = Infer<typeof messageInclude>;

export const messageFilter = z.object({
  include,
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
  metadata: free().describe(
    'An answer has type, agent, in_reply_to, run_id and duration_ms, and hops if agents asked others; a failure also has reason; one of a model has model instead of agent',
  ),
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

export const HOP_KINDS = ['ask', 'handoff'] as const;

/** Bounds of the hops of one message, and of their questions and answers together. */
export const MAX_HOPS = { hops: 100, bytes: 1024 * 1024 } as const;

const duration = () => z.int().min(0);

export const hopObject = z
  .strictObject({
    id: uuid(),
    parent_id: uuid().exactOptional().describe('The hop in which `from` asked. Absent: it asked while it answered the message itself'),
    kind: z
      .enum(HOP_KINDS)
      .describe('`ask`: `from` waited for the answer. `handoff`: `to` took over, and its answer took the place of the answer of `from`'),
    from: z.string().describe('The agent that asked'),
    to: z.string(),
    run_id: z.string().exactOptional().describe('The run of `to`, as in its logs. Absent: no run began'),
    question: z.string(),
    outcome: z.enum(['reply', 'error']),
    reason: z.string().exactOptional().describe('Why the outcome is an error'),
    answer: z.string(),
    truncated: z.literal(true).exactOptional().describe('Question or answer is cut here; the agents had all of it'),
    asked_at: time(),
    waited_ms: duration().describe('From the question until the run began'),
    duration_ms: duration().describe('How long the run took'),
  })
  .meta({ id: 'Hop' });
export type HopObject = Infer<typeof hopObject>;

export const traceObject = z
  .strictObject({
    state: z.enum(['waiting', 'running', 'answered']).describe('`waiting`: no run has begun. Hops are known once the message is answered'),
    message: messageObject,
    run: z
      .strictObject({ run_id: z.string(), agent: z.string() })
      .exactOptional()
      .describe('The run of the message itself, while it is running. Afterwards the answer has it'),
    hops: z.array(hopObject).max(MAX_HOPS.hops).describe('What agents asked one another, in the order in which they asked'),
    answer: messageObject.exactOptional(),
  })
  .meta({ id: 'Trace' });
export type TraceObject = Infer<typeof traceObject>;
