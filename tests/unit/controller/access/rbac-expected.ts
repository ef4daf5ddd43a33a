/** What the contract says of each route: which thing it is of, in which space, by which name. Judged by rbac-naive.ts alone. */
import { holdsAllOf, holdsSomething, may, mayOwn, type NaiveBinding, type NaiveSubject, ownCounts } from './rbac-naive.ts';
import { AGENT, buildOf, NODE, type Population, SECRET, type Session, type Space, type Subject } from './rbac-rows.ts';

/** `pass` is anything that is not a refusal for lack of a right. */
export type Verdict = 'pass' | 403 | 404;

export interface Asking {
  readonly subject: Subject;
  readonly naive: NaiveSubject;
  readonly isKey: boolean;
}

/** One request, with what it should come to for whoever asks. */
export interface Case {
  readonly path: string;
  readonly body?: unknown;
  expected(asking: Asking): Verdict;
}

const judged = (isAllowed: boolean): Verdict => (isAllowed ? 'pass' : 403);
const bindingsOf = (subject: Subject): NaiveBinding[] =>
  subject.bindings.map(({ role, spaceId }) => ({ rules: role.rules, space: spaceId }));

/** By method and path as routes spell them. A route that is missing here fails the test. */
export function casesOf(
  { spaces, roles, subjects, sessions }: Population,
  namesInRules: readonly string[],
): Readonly<Record<string, readonly Case[]>> {
  const globally = (path: string, resource: string, verb: string, names: readonly string[] = [], body?: unknown): Case => ({
    path,
    body,
    expected: ({ naive }) => judged(may(naive, resource, verb, null, names)),
  });
  const inSpace = (space: Space, path: string, resource: string, verb: string, names: readonly string[] = [], body?: unknown): Case => ({
    path,
    body,
    expected: ({ naive }) => (holdsSomething(naive, space.id) ? judged(may(naive, resource, verb, space.id, names)) : 404),
  });
  const spacely = (rest: string, resource: string, verb: string, names: readonly string[] = [], body?: unknown) =>
    spaces.map((space) =>
      inSpace(space, `/spaces/${space.name}${rest}`, resource, verb, resource === 'spaces' ? [space.name] : names, body),
    );

  const sees = ({ naive, subject }: Asking, session: Session, verb: string) =>
    (session.owner === subject && ownCounts(naive, session.space.id) && mayOwn(naive, 'sessions', verb, [session.id, session.name])) ||
    may(naive, 'sessions', verb, session.space.id, [session.id, session.name]);
  const ofSession = (
    rest: string,
    verb: string,
    body?: unknown,
    then: (asking: Asking, session: Session) => boolean = () => true,
  ): Case[] =>
    sessions.map((session) => ({
      path: `/sessions/${session.id}${rest}`,
      body,
      expected(asking) {
        if (sees(asking, session, verb)) return judged(then(asking, session));
        return sees(asking, session, 'get') ? 403 : 404;
      },
    }));

  /** What a copy takes along, and where it goes: each needs a right of its own. */
  const remixes = (session: Session): Case[] =>
    [undefined, ...spaces].flatMap((target) =>
      [{}, { data: false }, { data: false, messages: true }, { data: true, messages: true }].map(
        ({ data, messages }: { readonly data?: boolean; readonly messages?: boolean }): Case => ({
          path: `/sessions/${session.id}/remix`,
          body: { data, messages, space: target?.name },
          expected(asking) {
            const without = (verb: string): Verdict | undefined =>
              sees(asking, session, verb) ? undefined : sees(asking, session, 'get') ? 403 : 404;
            const refusal = without(data === false && messages !== true ? 'get' : 'update');
            if (refusal !== undefined) return refusal;
            if (target !== undefined && !holdsSomething(asking.naive, target.id)) return 404;
            if (!may(asking.naive, 'sessions', 'create', (target ?? session.space).id)) return 403;
            const leaves = data !== false && target !== undefined && target.id !== session.space.id;
            return (leaves ? without('files') : undefined) ?? 'pass';
          },
        }),
      ),
    );

  const everybody = (path: string, body?: unknown): Case[] => [{ path, body, expected: () => 'pass' }];
  const targets = subjects.slice(0, 4);
  const account = ({ user }: Subject) => `/service-accounts/${user}`;
  /** Nobody gets hold of an account that may do more than they. */
  const isLesser = ({ naive }: Asking, one: Subject) => holdsAllOf(naive, bindingsOf(one), namesInRules);
  const lesserAccount = (one: Subject, verb: string, body?: unknown): Case => ({
    path: account(one),
    body,
    expected: (asking) => judged(may(asking.naive, 'service-accounts', verb, null, [one.user, one.id]) && isLesser(asking, one)),
  });
  /** By its sessions an account may do things that no role of it tells of. */
  const hasItsSessions = ({ naive, subject }: Asking, one: Subject) =>
    sessions
      .filter(({ owner }) => owner === one)
      .every(({ space }) =>
        ['get', 'update', 'delete', 'files'].every(
          (verb) => (one === subject && mayOwn(naive, 'sessions', verb, [])) || may(naive, 'sessions', verb, space.id),
        ),
      );
  const ownAccount = ({ subject, naive }: Asking, verb: string) => mayOwn(naive, 'service-accounts', verb, [subject.user, subject.id]);
  const bindings = subjects.flatMap((subject) => subject.bindings);
  const ofBinding = (verb: string): Case[] =>
    bindings.slice(0, 8).map(({ id, spaceId }) => ({
      path: `/role-bindings/${id}`,
      expected: ({ naive }) =>
        spaceId !== null && !holdsSomething(naive, spaceId) ? 404 : judged(may(naive, 'role-bindings', verb, spaceId, [id])),
    }));
  const node = `/nodes/${NODE.name}`;
  const orphan = `${node}/orphans/${sessions[0]?.id}`;

  return {
    'GET /auth/me': everybody('/auth/me'),
    'POST /auth/refresh': [{ path: '/auth/refresh', expected: ({ isKey }) => judged(!isKey) }],
    'POST /auth/logout': [{ path: '/auth/logout', expected: ({ isKey }) => judged(!isKey) }],
    'GET /service-accounts': [globally('/service-accounts', 'service-accounts', 'list')],
    'POST /service-accounts': [
      globally('/service-accounts', 'service-accounts', 'create', ['made'], { user: 'made', pass: 'long enough' }),
    ],
    'GET /service-accounts/{id}': targets.map((one) => globally(account(one), 'service-accounts', 'get', [one.user, one.id])),
    'PUT /service-accounts/{id}': targets.map((one) => lesserAccount(one, 'update', { description: 'x' })),
    'DELETE /service-accounts/{id}': targets.map((one) => lesserAccount(one, 'delete')),
    'PUT /service-accounts/{id}/password': targets.map((one) => ({
      path: `${account(one)}/password`,
      body: { current_password: 'x', new_password: 'long enough' },
      expected(asking) {
        const isOwn = one === asking.subject && ownAccount(asking, 'update');
        const isAdmin = may(asking.naive, 'service-accounts', 'update', null, [one.user, one.id]);
        return judged((isOwn || isAdmin) && isLesser(asking, one) && hasItsSessions(asking, one));
      },
    })),
    'GET /audit': [
      globally('/audit', 'audit', 'list'),
      ...spaces.map((space): Case => {
        const there = inSpace(space, `/audit?space=${space.name}`, 'audit', 'list');
        return { ...there, expected: (asking) => (may(asking.naive, 'audit', 'list', null) ? 'pass' : there.expected(asking)) };
      }),
    ],
    'GET /roles': [globally('/roles', 'roles', 'list')],
    'POST /roles': [globally('/roles', 'roles', 'create', ['made'], { name: 'made', rules: [{ resources: ['*'], verbs: ['*'] }] })],
    'GET /roles/{id}': roles.slice(0, 6).map(({ id, name }) => globally(`/roles/${name}`, 'roles', 'get', [id, name])),
    'DELETE /roles/{id}': roles.slice(0, 6).map(({ id, name }) => globally(`/roles/${id}`, 'roles', 'delete', [id, name])),
    'GET /role-bindings': [
      globally('/role-bindings', 'role-bindings', 'list'),
      ...spaces.map((space) => inSpace(space, `/role-bindings?space=${space.name}`, 'role-bindings', 'list')),
    ],
    // A role that is not there is told from one that exceeds the caller's by those alone who may read roles; an account, by those who may grant.
    'POST /role-bindings': [undefined, ...roles.slice(0, 1), ...roles.slice(3, 7)].flatMap((role) =>
      [null, ...spaces.slice(0, 2)].flatMap((space) =>
        ['user-0', 'not-there'].map(
          (principal): Case => ({
            path: '/role-bindings',
            body: { role_name: role?.name ?? 'no-role', principal, ...(space === null ? {} : { space: space.name }) },
            expected({ naive }) {
              if (space !== null && !holdsSomething(naive, space.id)) return 404;
              const place = space?.id ?? null;
              if (!may(naive, 'role-bindings', 'create', place)) return 403;
              if (role === undefined) return judged(may(naive, 'roles', 'get', null, ['no-role']));
              return judged(holdsAllOf(naive, [{ rules: role.rules, space: place }], namesInRules));
            },
          }),
        ),
      ),
    ),
    'GET /role-bindings/{id}': ofBinding('get'),
    'DELETE /role-bindings/{id}': ofBinding('delete'),
    'GET /api-keys': [{ path: '/api-keys', expected: (asking) => judged(ownAccount(asking, 'get')) }],
    // A key makes none that may do more than itself.
    'POST /api-keys': [
      {
        path: '/api-keys',
        body: { name: 'wide' },
        expected: (asking) => judged(ownAccount(asking, 'update') && asking.naive.key === null),
      },
    ],
    'DELETE /api-keys/{id}': targets.flatMap((owner) =>
      owner.keys.map(
        ({ id }): Case => ({
          path: `/api-keys/${id}`,
          expected(asking) {
            if (owner === asking.subject && ownAccount(asking, 'update')) return 'pass';
            if (may(asking.naive, 'service-accounts', 'update', null, [owner.user, owner.id])) return 'pass';
            return owner === asking.subject ? 403 : 404;
          },
        }),
      ),
    ),
    'GET /spaces': [
      {
        path: '/spaces',
        expected: ({ naive }) => judged([null, ...spaces.map(({ id }) => id)].some((id) => may(naive, 'spaces', 'list', id))),
      },
    ],
    'POST /spaces': [globally('/spaces', 'spaces', 'create', ['made'], { name: 'made' })],
    'GET /spaces/{name}': spacely('', 'spaces', 'get'),
    'PUT /spaces/{name}': spacely('', 'spaces', 'update', [], { description: 'x' }),
    'PATCH /spaces/{name}': spacely('', 'spaces', 'update', [], { settings: {} }),
    'DELETE /spaces/{name}': spacely('', 'spaces', 'delete'),
    'GET /spaces/{name}/secrets': [
      ...spacely('/secrets', 'secrets', 'list'),
      ...spaces.map(
        (space): Case => ({
          path: `/spaces/${space.name}/secrets?show_values=true`,
          expected: ({ naive }) =>
            holdsSomething(naive, space.id) ? judged(['list', 'read-values'].every((verb) => may(naive, 'secrets', verb, space.id))) : 404,
        }),
      ),
    ],
    'POST /spaces/{name}/secrets': spacely('/secrets', 'secrets', 'create', ['made'], { key_name: 'made', value: 'x' }),
    'GET /spaces/{name}/secrets/{key}': spacely(`/secrets/${SECRET}`, 'secrets', 'get', [SECRET]),
    'PUT /spaces/{name}/secrets/{key}': spacely(`/secrets/${SECRET}`, 'secrets', 'update', [SECRET], { description: 'x' }),
    'DELETE /spaces/{name}/secrets/{key}': spacely(`/secrets/${SECRET}`, 'secrets', 'delete', [SECRET]),
    'GET /spaces/{name}/agents': spacely('/agents', 'agents', 'list'),
    'POST /spaces/{name}/agents': spacely('/agents', 'agents', 'create', ['made'], { name: 'made' }),
    'GET /spaces/{name}/agents/running': spacely('/agents/running', 'agents', 'list'),
    'GET /spaces/{name}/agents/{agent}': spacely(`/agents/${AGENT}`, 'agents', 'get', [AGENT]),
    'PUT /spaces/{name}/agents/{agent}': spacely(`/agents/${AGENT}`, 'agents', 'update', [AGENT], { description: 'x' }),
    'DELETE /spaces/{name}/agents/{agent}': spacely(`/agents/${AGENT}`, 'agents', 'delete', [AGENT]),
    'PATCH /spaces/{name}/agents/{agent}/status': spacely(`/agents/${AGENT}/status`, 'agents', 'update', [AGENT], { status: 'inactive' }),
    'PUT /spaces/{name}/agents/{agent}/source': spacely(`/agents/${AGENT}/source`, 'agents', 'update', [AGENT]),
    'POST /spaces/{name}/agents/{agent}/deploy': spacely(`/agents/${AGENT}/deploy`, 'agents', 'deploy', [AGENT]),
    'POST /spaces/{name}/agents/{agent}/stop': spacely(`/agents/${AGENT}/stop`, 'agents', 'deploy', [AGENT]),
    'GET /spaces/{name}/agents/{agent}/logs': spacely(`/agents/${AGENT}/logs`, 'agents', 'logs', [AGENT]),
    'GET /spaces/{name}/logs': spaces.map((space) => ({
      path: `/spaces/${space.name}/logs`,
      expected({ naive }) {
        if (may(naive, 'agents', 'logs', space.id, [AGENT])) return 'pass';
        if (ownCounts(naive, space.id) && mayOwn(naive, 'agents', 'logs', [AGENT])) return 'pass';
        return holdsSomething(naive, space.id) ? 403 : 404;
      },
    })),
    'POST /spaces/{name}/build': spacely('/build', 'builds', 'create', [], { force: true }),
    'GET /spaces/{name}/build/latest': spacely('/build/latest', 'builds', 'get'),
    'GET /spaces/{name}/build/{build_id}': spaces.map((space) =>
      inSpace(space, `/spaces/${space.name}/build/${buildOf(space)}`, 'builds', 'get'),
    ),
    'GET /spaces/{name}/builds': spacely('/builds', 'builds', 'list'),
    'DELETE /spaces/{name}/build/{build_id}': spaces.map((space) =>
      inSpace(space, `/spaces/${space.name}/build/${buildOf(space)}`, 'builds', 'delete'),
    ),
    'GET /spaces/{name}/build/{build_id}/logs': spaces.map((space) =>
      inSpace(space, `/spaces/${space.name}/build/${buildOf(space)}/logs`, 'builds', 'get'),
    ),
    'GET /sessions': everybody('/sessions'),
    'POST /sessions': spaces.map((space) => inSpace(space, '/sessions', 'sessions', 'create', [], { space: space.name })),
    'GET /sessions/{id}': ofSession('', 'get'),
    'PUT /sessions/{id}': ofSession('', 'update', { metadata: {} }),
    'DELETE /sessions/{id}': ofSession('', 'delete'),
    'PUT /sessions/{id}/state': ofSession('/state', 'update', { state: 'paused' }),
    'POST /sessions/{id}/pause': ofSession('/pause', 'update'),
    'POST /sessions/{id}/suspend': ofSession('/suspend', 'update'),
    'POST /sessions/{id}/resume': ofSession('/resume', 'update'),
    'POST /sessions/{id}/remix': sessions.flatMap((session) => remixes(session)),
    'GET /sessions/{id}/messages': ofSession('/messages', 'get'),
    'POST /sessions/{id}/messages': ofSession('/messages', 'update', { content: 'x' }),
    'POST /sessions/{id}/messages/{message_id}/cancel': ofSession('/messages/a-message/cancel', 'update'),
    'GET /sessions/{id}/processes': ofSession('/processes', 'exec'),
    'POST /sessions/{id}/processes': ofSession('/processes', 'exec', { command: 'true' }),
    'GET /sessions/{id}/processes/{process_id}': ofSession('/processes/7', 'exec'),
    'DELETE /sessions/{id}/processes/{process_id}': ofSession('/processes/7', 'exec'),
    'POST /sessions/{id}/processes/{process_id}/signal': ofSession('/processes/7/signal', 'exec', { signal: 'TERM' }),
    'POST /sessions/{id}/processes/{process_id}/resize': ofSession('/processes/7/resize', 'exec', { cols: 80, rows: 24 }),
    'POST /sessions/{id}/processes/{process_id}/close-stdin': ofSession('/processes/7/close-stdin', 'exec', {}),
    'GET /sessions/{id}/processes/{process_id}/attach': ofSession('/processes/7/attach', 'exec'),
    'POST /tickets': ofSession('', 'exec').map((one) => ({
      ...one,
      path: '/tickets',
      body: { for: 'attach', session: one.path.slice('/sessions/'.length) },
    })),
    'POST /sessions/{id}/exec': ofSession('/exec', 'exec', { command: 'true' }),
    'GET /sessions/{id}/files': ofSession('/files?list', 'files'),
    'PUT /sessions/{id}/files': ofSession('/files?path=a', 'files'),
    'PATCH /sessions/{id}/files': ofSession('/files?path=a', 'files', { mode: '644' }),
    'POST /sessions/{id}/files': ofSession('/files?path=a&mkdir', 'files'),
    'DELETE /sessions/{id}/files': ofSession('/files?path=a', 'files'),
    'GET /sessions/{id}/ports': ofSession('/ports', 'ports'),
    'GET /sessions/{id}/ports/{port}': ofSession('/ports/80', 'ports'),
    'POST /sessions/{id}/ports/{port}/share': ofSession('/ports/80/share', 'ports', {}),
    'DELETE /sessions/{id}/ports/{port}/share': ofSession('/ports/80/share', 'ports'),
    'DELETE /sessions/{id}/messages': ofSession('/messages', 'update'),
    'GET /sessions/{id}/messages/count': ofSession('/messages/count', 'get'),
    'GET /sessions/{id}/trace/{message_id}': ofSession('/trace/a-message', 'get'),
    'GET /sessions/{id}/events': ofSession('/events', 'get'),
    'GET /events': everybody('/events'),
    'GET /nodes': [globally('/nodes', 'nodes', 'list')],
    'GET /nodes/{id}': [globally(node, 'nodes', 'get', [NODE.name, NODE.id])],
    'PUT /nodes/{id}': [globally(node, 'nodes', 'update', [NODE.name, NODE.id])],
    'PATCH /nodes/{id}': [globally(node, 'nodes', 'update', [NODE.name, NODE.id])],
    'DELETE /nodes/{id}': [globally(node, 'nodes', 'delete', [NODE.name, NODE.id])],
    'POST /nodes/{id}/cordon': [globally(`${node}/cordon`, 'nodes', 'update', [NODE.name, NODE.id])],
    'POST /nodes/{id}/uncordon': [globally(`${node}/uncordon`, 'nodes', 'update', [NODE.name, NODE.id])],
    'POST /nodes/{id}/drain': [globally(`${node}/drain`, 'nodes', 'update', [NODE.name, NODE.id])],
    'GET /nodes/{id}/drain': [globally(`${node}/drain`, 'nodes', 'get', [NODE.name, NODE.id])],
    'DELETE /nodes/{id}/drain': [globally(`${node}/drain`, 'nodes', 'update', [NODE.name, NODE.id])],
    'POST /nodes/{id}/lost': [globally(`${node}/lost`, 'nodes', 'update', [NODE.name, NODE.id])],
    'GET /nodes/tokens': [globally('/nodes/tokens', 'nodes', 'list')],
    'POST /nodes/tokens': [globally('/nodes/tokens', 'nodes', 'create')],
    'DELETE /nodes/tokens/{token}': [globally(`/nodes/tokens/${NODE.id}`, 'nodes', 'create')],
    'GET /nodes/{id}/orphans': [globally(`${node}/orphans`, 'nodes', 'get', [NODE.name, NODE.id])],
    'POST /nodes/{id}/orphans/{session}/adopt': [globally(`${orphan}/adopt`, 'nodes', 'update', [NODE.name, NODE.id])],
    'DELETE /nodes/{id}/orphans/{session}': [globally(orphan, 'nodes', 'update', [NODE.name, NODE.id])],
  };
}
