import { z } from 'zod';
import { portObject, portsQuery, shareObject, sharePort } from '../../../contract/ports.ts';
import { refused } from '../../../domain/engine/outcome.ts';
import type { Caller } from '../../../services/access/caller.ts';
import { proofOf } from '../../access/authentication.ts';
import { payerIn } from '../../access/budget-gate.ts';
import { waiting, withWaitPlace } from '../../input/wait.ts';
import { streamPorts } from '../../ports/port-events.ts';
import { portIn } from '../../ports/port-number.ts';
import { tunnelPort } from '../../ports/port-tunnel.ts';
import { type Route, route } from '../../routing/route.ts';
import type { RouteDeps } from '../../routing/route-deps.ts';

/** What a guest can take to read its tables. */
const LIST_MS = 15_000;

export function portRoutes({ services: { ports }, streams, clock }: RouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/sessions/{id}/ports',
      operation: 'listPorts',
      permission: 'own or sessions:ports',
      summary: 'Lists the ports of a session on which programs listen, and its public ports.',
      description:
        'A session that does not run is not woken: only its public ports are listed. With `follow=true` the response is a text/event-stream: `ports` with the list, then `opened` and `closed`; the session looks once a second while somebody follows.',
      query: portsQuery,
      answer: z.array(portObject),
      mayStream: true,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      async respond({ ctx, caller, params: { id }, query }) {
        const canUse = (now: Caller) => ports.permit(now, id).ok;
        const permitted = ports.permit(caller, id);
        if (!permitted.ok) return permitted;
        if (query.follow === true)
          return streamPorts(
            ctx,
            { caller, canUse, follow: (signal) => ports.follow(caller, id, payerIn(ctx), signal) },
            { streams, clock },
          );
        return withWaitPlace(ctx, streams, LIST_MS, async () => {
          const run = (signal: AbortSignal) => ports.list(caller, id, payerIn(ctx), signal);
          const found = await waiting(ctx, { clock, streams }, { ms: LIST_MS, caller, canSee: canUse }, run);
          return found ?? refused('UNAVAILABLE', 'The session did not answer in time. Retry in a moment.');
        });
      },
    }),
    route({
      method: 'GET',
      path: '/sessions/{id}/ports/{port}',
      operation: 'connectPort',
      permission: 'own or sessions:ports',
      recorded: 'noted',
      summary: 'Connects to a port of a session, over WebSocket.',
      description:
        'Binary messages are the bytes of one TCP connection, at most 64 KiB each; the text message `end` closes one direction, and a close of the WebSocket closes both. A paused or suspended session is resumed. The WebSocket opens once the program has accepted the connection; until then, failures are ordinary responses. HTTP requests go to `/sessions/{id}/ports/{port}/`, with any method and path: the program sees them with `Host: localhost:PORT`, without `Authorization` and `Cookie`, and with `X-Forwarded-*`; its responses are sandboxed.',
      answer: 'web-socket',
      mayStream: true,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE', 'BAD_REQUEST'],
      async respond({ ctx, caller, params: { id, port } }) {
        const number = portIn(port);
        const permitted = ports.permit(caller, id);
        if (!permitted.ok) return permitted;
        if (number === undefined) return refused('NOT_FOUND', 'The port must be a number from 1 to 65535.');
        const open = (signal: AbortSignal) => ports.connect(caller, id, number, payerIn(ctx), signal);
        return tunnelPort(
          ctx,
          { caller, proof: proofOf(ctx), canUse: (now: Caller) => ports.permit(now, id).ok, open },
          { streams, clock },
        );
      },
    }),
    route({
      method: 'POST',
      path: '/sessions/{id}/ports/{port}/share',
      operation: 'sharePort',
      permission: 'own or sessions:ports',
      summary: 'Returns an address of a port for a browser, or makes the port public for a time.',
      description:
        'Needs a preview domain. An address that is not public works once, within 30 seconds: it admits the browser that opens it, by a cookie of the origin of the port, for `expires_in_s`, or until the credentials end that this request was made with. A public port can be used by anybody, in the name of the caller, and is ended by DELETE, by its time, or with the permission of the caller.',
      request: sharePort,
      example: { expires_in_s: 3600 },
      answer: shareObject,
      status: 201,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ ctx, caller, params: { id, port }, body }) => ports.share(caller, proofOf(ctx), id, portIn(port), body),
    }),
    route({
      method: 'DELETE',
      path: '/sessions/{id}/ports/{port}/share',
      operation: 'unsharePort',
      permission: 'own or sessions:ports',
      summary: 'Ends the public time of a port. Its open connections end within seconds.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params: { id, port } }) => ports.unshare(caller, id, portIn(port)),
    }),
  ];
}
