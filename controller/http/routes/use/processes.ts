import { z } from 'zod';
import { attachQuery, processObject, resizeProcess, signalProcess, startProcess } from '../../../contract/processes.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import { mapped, type Outcome, refused } from '../../../domain/engine/outcome.ts';
import { refreshed } from '../../../services/access/access.ts';
import type { Caller } from '../../../services/access/caller.ts';
import type { Asking } from '../../../services/commands/process-service.ts';
import { UP_WITHIN_MS } from '../../../services/streams/session-use.ts';
import { payerIn } from '../../access/budget-gate.ts';
import { waiting, withWaitPlace } from '../../input/wait.ts';
import { type Route, route } from '../../routing/route.ts';
import type { RouteDeps } from '../../routing/route-deps.ts';
import { streamAttach } from '../../upgrades/attach-socket.ts';
import { webSocketRefusal } from '../../upgrades/web-socket.ts';

/** What a request takes besides waking the session. */
const SLACK_MS = 15_000;

const ATTACH = `Opens a WebSocket (subprotocol \`raworc.v0\`) to a process. Several can be attached at once. Whatever ends the WebSocket ends the attachment only, unless \`on_disconnect\` says otherwise.

Authenticate with the Authorization header, or, in a browser, with the subprotocol \`raworc.ticket.TICKET\` beside \`raworc.v0\` (POST /tickets). What prevents the attachment is an ordinary HTTP answer.

From the server, binary messages are output: one byte, 1 for standard output (a terminal has no other) and 2 for standard error, then the bytes. Text messages are JSON with a \`type\`: \`attached\` comes first, with the \`process\` and the \`offset\` of the first byte that follows; \`gap\` says that the output \`from\` one offset \`to\` another is no longer kept; \`exit\` comes after all output, once, with \`exit_code\` and \`signal\`, and then the server closes with 1000; \`error\` has \`code\`, \`reason\` and \`message\`. The offset of the next byte is the \`offset\` of \`attached\`, or the \`to\` of a later gap, plus the bytes that came since: attach again with it to continue there. Add \`started_at\`, since process ids are used again.

To the server, binary messages (up to 64 KiB) are standard input; text messages are \`{"type": "resize", "cols", "rows"}\`, \`{"type": "signal", "signal"}\` and \`{"type": "close_stdin"}\`.

The server closes with 1001 when it shuts down, 1008 when your permission is revoked, and 1011 when the session or the way to it is lost: with the reason \`node_lost\` or \`controller_lost\` the process goes on, with \`guest_lost\` or \`session_ended\` it has ended.`;

export function processRoutes({ services: { processes }, clock, streams }: RouteDeps): Route[] {
  const REFUSALS = ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'] as const;
  type Ctx = Parameters<typeof payerIn>[0];

  /** Runs a request to the guest, which can wait for the session to wake. */
  function asking<T>(
    ctx: Ctx,
    caller: Caller,
    id: SessionId,
    run: (asking: Asking) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> | Outcome<T> {
    const permitted = processes.permit(caller, id);
    if (!permitted.ok) return permitted;
    const ms = UP_WITHIN_MS + SLACK_MS;
    return withWaitPlace(ctx, streams, ms, async () => {
      const canSee = (now: Caller) => processes.permit(now, id).ok;
      const result = await waiting(ctx, { clock, streams }, { ms, caller, canSee }, (signal) =>
        run({ caller, payer: payerIn(ctx), signal }),
      );
      if (result !== undefined) return result;
      const now = refreshed(caller);
      const still = now.ok ? processes.permit(now.value, id) : now;
      return still.ok ? refused('UNAVAILABLE', 'The session did not answer in time. Retry in a moment.') : still;
    });
  }

  /** An id that no process has is like one that none has now. */
  const pidOf = (text: string): number => (/^\d{1,10}$/.test(text) ? Number(text) : 0);
  const common = { permission: 'own or sessions:exec', refusals: REFUSALS } as const;

  return [
    route({
      ...common,
      method: 'POST',
      path: '/sessions/{id}/processes',
      operation: 'startProcess',
      summary: 'Starts a process that the session keeps, with pipes or on a terminal.',
      description:
        "It outlives the client, the controller and the node agent, and ends with the session's container: on suspend, or when its node restarts. The newest MiB of its output is kept. Attach to it to read and write. A session has at most 64 running ones, and keeps 32 ended ones for ten minutes. A paused or suspended session is resumed.",
      request: startProcess,
      example: { command: 'npm run dev', pty: { cols: 80, rows: 24 } },
      answer: processObject,
      status: 201,
      respond: ({ ctx, caller, params: { id }, body }) => asking(ctx, caller, id, (by) => processes.start(by, id, body)),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/sessions/{id}/processes',
      operation: 'listProcesses',
      summary: 'Lists the processes that were started in a session, also ended ones. Not paged.',
      answer: z.array(processObject),
      respond: ({ ctx, caller, params: { id } }) => asking(ctx, caller, id, (by) => processes.list(by, id)),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/sessions/{id}/processes/{process_id}',
      operation: 'getProcess',
      summary: 'Returns a process.',
      answer: processObject,
      respond: ({ ctx, caller, params: { id, process_id } }) => asking(ctx, caller, id, (by) => processes.get(by, id, pidOf(process_id))),
    }),
    route({
      ...common,
      method: 'DELETE',
      path: '/sessions/{id}/processes/{process_id}',
      operation: 'removeProcess',
      summary: 'Kills a process with all that it started, and forgets it.',
      answer: 'nothing',
      respond: async ({ ctx, caller, params: { id, process_id } }) =>
        mapped(await asking(ctx, caller, id, (by) => processes.remove(by, id, pidOf(process_id))), () => undefined),
    }),
    route({
      ...common,
      method: 'POST',
      path: '/sessions/{id}/processes/{process_id}/signal',
      operation: 'signalProcess',
      summary: 'Sends a signal to the process group, and to what is in the foreground of its terminal. KILL ends all that it started.',
      request: signalProcess,
      example: { signal: 'TERM' },
      answer: processObject,
      respond: ({ ctx, caller, params: { id, process_id }, body: { signal } }) =>
        asking(ctx, caller, id, (by) => processes.signal(by, id, pidOf(process_id), signal)),
    }),
    route({
      ...common,
      method: 'POST',
      path: '/sessions/{id}/processes/{process_id}/resize',
      operation: 'resizeProcess',
      recorded: 'nothing',
      summary: "Changes the size of the process's terminal.",
      request: resizeProcess,
      example: { cols: 120, rows: 40 },
      answer: processObject,
      respond: ({ ctx, caller, params: { id, process_id }, body }) =>
        asking(ctx, caller, id, (by) => processes.resize(by, id, pidOf(process_id), body)),
    }),
    route({
      ...common,
      method: 'POST',
      path: '/sessions/{id}/processes/{process_id}/close-stdin',
      operation: 'closeProcessStdin',
      summary: 'Closes the standard input of a process without a terminal.',
      answer: processObject,
      respond: ({ ctx, caller, params: { id, process_id } }) =>
        asking(ctx, caller, id, (by) => processes.closeStdin(by, id, pidOf(process_id))),
    }),
    route({
      ...common,
      method: 'GET',
      path: '/sessions/{id}/processes/{process_id}/attach',
      operation: 'attachProcess',
      summary: 'Attaches a WebSocket to a process.',
      description: ATTACH,
      query: attachQuery,
      answer: 'web-socket',
      mayStream: true,
      async respond({ ctx, caller, params: { id, process_id }, query }) {
        const permitted = processes.permit(caller, id);
        if (!permitted.ok) return permitted;
        const refusal = webSocketRefusal(ctx);
        if (refusal !== undefined) {
          const found = await asking(ctx, caller, id, (by) => processes.get(by, id, pidOf(process_id)));
          return found.ok ? refusal : found;
        }
        const canRun = (now: Caller) => processes.permit(now, id).ok;
        const attach = (signal: AbortSignal) => processes.attach({ caller, payer: payerIn(ctx), signal }, id, pidOf(process_id), query);
        return streamAttach(ctx, { caller, canRun, attach }, { streams, clock });
      },
    }),
  ];
}
