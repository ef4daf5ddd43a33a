import { DEFAULT_EXEC, execCommand, execObject, execQuery, FRAMES_TYPE } from '../../../contract/exec.ts';
import { refused } from '../../../domain/engine/outcome.ts';
import { refreshed } from '../../../services/access/access.ts';
import type { Caller } from '../../../services/access/caller.ts';
import { UP_WITHIN_MS } from '../../../services/streams/session-use.ts';
import { payerIn } from '../../access/budget-gate.ts';
import { streamExec } from '../../events/exec-events.ts';
import { formOf } from '../../events/exec-forms.ts';
import { waiting, withWaitPlace } from '../../input/wait.ts';
import { type Route, route } from '../../routing/route.ts';
import type { RouteDeps } from '../../routing/route-deps.ts';

/** What a request takes besides the command itself. */
const SLACK_MS = 15_000;

export function execRoutes({ services: { exec }, clock, streams }: RouteDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/sessions/{id}/exec',
      operation: 'execSession',
      permission: 'own or sessions:exec',
      summary: 'Runs a command in a session, and returns its output and exit code.',
      description:
        'A paused or suspended session is resumed. The command runs as the user of the agents, in /session/workspace, without the secrets of the space. It ends with the request: if the client disconnects, it is killed with all that it started. With `stream=sse` the response is a text/event-stream of `stdout`, `stderr` and `exit`. If `Accept` then names `application/vnd.raworc.frames`, which carries much more, it is frames instead: one byte for the kind (0 stdout, 1 stderr, 2 exit, 3 error, 4 ping), the length of the content as 32 bits, big-endian, and the content: bytes of the output, JSON as in the events `exit` and `error`, or nothing. For longer commands, start them in the background.',
      request: execCommand,
      example: { command: 'ls -l' },
      query: execQuery,
      answer: execObject,
      mayStream: true,
      binary: FRAMES_TYPE,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      async respond({ ctx, caller, params: { id }, query, body }) {
        const canRun = (now: Caller) => exec.permit(now, id).ok;
        const permitted = exec.permit(caller, id);
        if (!permitted.ok) return permitted;
        if (query.stream === 'sse') {
          const start = (signal: AbortSignal) => exec.start(caller, id, body, payerIn(ctx), signal);
          const form = formOf(ctx.get('Accept'), body.encoding ?? 'utf8');
          return streamExec(ctx, { caller, form, canRun, start }, { streams, clock });
        }
        const ms = UP_WITHIN_MS + SLACK_MS + (body.timeout_ms ?? DEFAULT_EXEC.timeoutMs);
        return withWaitPlace(ctx, streams, ms, async () => {
          const run = (signal: AbortSignal) => exec.run(caller, id, body, payerIn(ctx), signal);
          const result = await waiting(ctx, { clock, streams }, { ms, caller, canSee: canRun }, run);
          if (result !== undefined) return result;
          const now = refreshed(caller);
          const still = now.ok ? exec.permit(now.value, id) : now;
          return still.ok ? refused('UNAVAILABLE', 'The session did not answer in time. Whether the command ended is not known.') : still;
        });
      },
    }),
  ];
}
