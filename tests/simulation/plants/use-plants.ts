import type { Plant } from './plant.ts';

/** Faults in how sessions are used: commands, their streams, waking and idling. */
export const USE_PLANTS = {
  'end before the output': {
    breaks: 'The end of a command comes after all that it printed.',
    file: 'guest/streams/exec.ts',
    find: 'await Promise.race([passed, ended]);',
    replace: 'await ended;\n  isOver = true;',
    foundBy: { test: 'tests/unit/guest/exec-stream.test.ts' },
  },
  'loss as an end': {
    breaks: 'A command whose end did not come has no result.',
    file: 'controller/services/commands/exec-service.ts',
    find: 'if (error instanceof StreamError) return lost(error.message);',
    replace:
      "if (error instanceof StreamError)\n          return resultOf({ exitCode: 0, signal: null, timedOut: false, fault: '', durationMs: 0 }, output, 'utf8');",
    foundBy: { seed: 14 },
  },
  'use that wakes nobody': {
    breaks: 'A use wakes a session that rests.',
    file: 'controller/domain/sessions/commands/begin-use.ts',
    find: "(wakes ? desiring(next, 'running', 0, now) : row)",
    replace: 'row',
    foundBy: { seed: 2 },
  },
  'idle beneath a use': {
    breaks: 'No session idles while it is in use.',
    file: 'controller/services/streams/open-uses.ts',
    find: 'return this.#used.has(id);',
    replace: 'return this.#isClosed;',
    foundBy: { seed: 102 },
  },
  'use without a record': {
    breaks: 'A use is recorded before it begins.',
    file: 'controller/services/streams/session-use.ts',
    find: 'if (use.event === undefined && use.audited !== true) {',
    replace: 'if (use.audited !== true) {',
    foundBy: { seed: 2 },
  },
  'command of one who left': {
    breaks: 'A command whose client has gone is killed.',
    file: 'guest/streams/exec.ts',
    find: 'const gone = () => command.kill();',
    replace: 'const gone = () => undefined;',
    foundBy: { seed: 26 },
  },
} satisfies Readonly<Record<string, Plant>>;

/** Faults in tickets, public ports and sandboxes. */
export const TICKET_PLANTS = {
  'stream ticket used twice': {
    breaks: 'The ticket of a byte stream opens one stream.',
    file: 'controller/services/streams/tickets.ts',
    find: 'this.#entries.delete(ticket);\n    return entry;',
    replace: 'return entry;',
    foundBy: { seed: 6 },
  },
  'stream ticket of another node': {
    breaks: 'The ticket of a byte stream is valid for the node that it was sent to.',
    file: 'controller/services/streams/tickets.ts',
    find: 'if (entry?.nodeId !== from) return undefined;',
    replace: 'if (entry === undefined) return undefined;',
    foundBy: { seed: 1 },
  },
  'request ticket used twice': {
    breaks: 'The ticket of a request is valid once.',
    file: 'controller/services/access/request-tickets.ts',
    find: 'drop(ticket, found);\n      return found;',
    replace: 'return found;',
    foundBy: { seed: 2 },
  },
  'preview ticket of another port': {
    breaks: 'A ticket for a port admits to that port.',
    file: 'controller/services/ports/preview-passes.ts',
    find: ' || found.port !== port',
    replace: '',
    foundBy: { seed: 6 },
  },
  'connection shown as a port': {
    breaks: 'Ports are shown on which a program listens.',
    file: 'guest/ports/listening.ts',
    find: 'if (state !== LISTEN) continue;',
    replace: '',
    foundBy: { seed: 6 },
  },
  'public for ever': {
    breaks: 'A port is public until the time that was set.',
    file: 'controller/services/ports/share-loop.ts',
    find: "if (mutation.kind === 'put' && mutation.table === 'portShares') loop.wake(mutation.row.id);",
    replace: '',
    foundBy: { seed: 14 },
  },
  'public port of a deleted session': {
    breaks: 'The public ports of a session end with it.',
    file: 'controller/domain/sessions/commands/remove-session.ts',
    find: "for (const { id } of view.portSharesOf(row.id)) mutations.push({ kind: 'remove', table: 'portShares', id });",
    replace: '',
    foundBy: { seed: 6 },
  },
  'sandbox ends as it resumes': {
    breaks: 'The time of a sandbox begins anew when it is resumed.',
    file: 'controller/domain/sandboxes/sandbox-end.ts',
    find: "session.desired === 'running' && session.generation !== sandbox.generation;",
    replace: "session.desired === 'deleted';",
    foundBy: { seed: 26 },
  },
} satisfies Readonly<Record<string, Plant>>;

/** Faults in the processes that guests keep. */
export const PROCESS_PLANTS = {
  'exit before the output': {
    breaks: 'The exit of a process comes after its output.',
    file: 'guest/processes/kept-process.ts',
    find: 'isAtEnd: () => this.#isOver && reader.position >= this.ring.end,',
    replace: 'isAtEnd: () => this.#end !== undefined,',
    foundBy: { seed: 10 },
  },
  'attached elsewhere': {
    breaks: 'An attachment begins at the byte that was asked for.',
    file: 'guest/processes/kept-process.ts',
    find: 'position: Math.min(offset ?? this.ring.end, this.ring.end),',
    replace: 'position: this.ring.start,',
    foundBy: { seed: 22 },
  },
  'process of one who left': {
    breaks: 'A process that was to end with its client does.',
    file: 'guest/processes/kept-process.ts',
    find: "if (this.#readers.size === 0 && this.#request.onDisconnect === 'kill') this.kill();",
    replace: '',
    foundBy: { seed: 62 },
  },
  'idle beneath a process': {
    breaks: 'A process that keeps its session awake does.',
    file: 'controller/domain/sessions/commands/expire-session.ts',
    find: "const isAwake = session.keptAwake && session.desired === 'running';",
    replace: 'const isAwake = false;',
    foundBy: { test: 'tests/unit/controller/sessions/expiry-loop.test.ts' },
  },
  'awake for ever': {
    breaks: 'A session idles once no process keeps it awake.',
    file: 'guest/processes/process-table.ts',
    find: 'this.#count();\n    this.#ended.set(',
    replace: 'this.#ended.set(',
    foundBy: { seed: 26 },
  },
} satisfies Readonly<Record<string, Plant>>;
