import { z } from 'zod';
import { docker } from '../../tests/cluster/docker.ts';
import type { Exchange } from '../../tests/cluster/shapes.ts';

/** Unix times in milliseconds that the bench's agent sends in its reply. */
const told = z.object({ loaded: z.number(), called: z.number() });
const stamped = z.looseObject({ created_at: z.coerce.date() });
const engineEvent = z.looseObject({ Action: z.string(), timeNano: z.number() });
const guestLine = z.looseObject({ at: z.coerce.date(), event: z.string() });

/** A phase ends with its moment; the first begins when the request is sent. */
export interface Moment {
  readonly phase: string;
  readonly atMs: number;
}

/** The wall clock with fractions. All processes of the bench run on one machine. */
export const wallMs = () => performance.timeOrigin + performance.now();

/**
 * Returns the moments between a message to a resting session and its reply, from the logs of all
 * parts.
 */
export async function momentsOf(session: string, sentMs: number, receivedMs: number, exchange: Exchange): Promise<Moment[]> {
  const agent = told.parse(JSON.parse(exchange.reply.content));
  const engine = await engineEvents(session, sentMs, receivedMs);
  const guest = await guestLines(session, sentMs);
  return [
    { phase: 'REST, to the commit', atMs: stamped.parse(exchange).created_at.getTime() },
    { phase: 'order to the node, and unfreeze', atMs: engine.get('unpause') },
    { phase: 'order to the node, and create', atMs: engine.get('create') },
    { phase: 'start (network, runc)', atMs: engine.get('start') },
    { phase: "guest's process and its mailbox", atMs: guest.get('guest.started') },
    { phase: "guest's link and welcome", atMs: guest.get('host.connected') },
    { phase: "worker's process and the agent", atMs: agent.loaded >= sentMs ? agent.loaded : undefined },
    { phase: 'delivery, to the call', atMs: agent.called },
    { phase: 'run, answer, to its commit', atMs: stamped.parse(exchange.reply).created_at.getTime() },
    { phase: 'reply to the client', atMs: receivedMs },
  ].flatMap(({ phase, atMs }) => (atMs === undefined ? [] : [{ phase, atMs }]));
}

export async function engineEvents(session: string, sinceMs: number, untilMs: number): Promise<Map<string, number>> {
  const bounds = { since: Math.floor(sinceMs) / 1000, until: Math.ceil(untilMs) / 1000 };
  const stream: NodeJS.ReadableStream = await docker.getEvents({
    ...bounds,
    filters: { type: ['container'], label: [`raworc.session=${session}`] },
  });
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  const events = text.split('\n').filter((line) => line !== '');
  return new Map(events.map((line) => engineEvent.parse(JSON.parse(line))).map(({ Action, timeNano }) => [Action, timeNano / 1e6]));
}

export async function guestLines(session: string, sinceMs: number): Promise<Map<string, number>> {
  const log = await docker.getContainer(`raworc_session_${session}`).logs({ stdout: true, stderr: false, tail: 100 });
  const lines = log.toString('utf8').match(/\{.*\}/g) ?? [];
  const parsed = lines.map((line) => guestLine.parse(JSON.parse(line)));
  return new Map(parsed.filter(({ at }) => at.getTime() >= sinceMs).map(({ event, at }) => [event, at.getTime()]));
}
