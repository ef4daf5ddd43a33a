/**
 * For each documented 409 and 503: a call that causes it, or why the suite cannot cause it on any
 * server.
 */
import { expect } from '../cluster/rest.ts';
import { PASSWORD, type Person } from './people.ts';
import type { Call, Stage } from './rows.ts';

export interface RefusalStage extends Stage {
  /** The admin of everything who makes the calls. */
  readonly everywhere: Person;
  /** A space that is switched off, with a session that is up and one that is suspended. */
  readonly closed: { readonly space: string; readonly up: string; readonly resting: string };
}

export interface Refusal {
  readonly operation: string;
  readonly status: 409 | 503;
  readonly why: string;
  readonly call: (stage: RefusalStage) => Promise<Call> | Call;
}

const MIB = 1024 * 1024;

const conflict = (operation: string, why: string, call: Refusal['call']): Refusal => ({ operation, status: 409, why, call });

const secretIn = async ({ made, unique }: Stage, space: string, value: string) => {
  const key = unique('KEY').replaceAll('-', '_');
  await made(`/spaces/${space}/secrets`, { key_name: key, value });
  return { name: space, key };
};
/** Another 64 KiB exceeds the bound of the space's secrets. */
async function fullOfSecrets(stage: Stage) {
  const name = String((await stage.made('/spaces', { name: stage.unique('space') })).name);
  const place = await secretIn(stage, name, 'small');
  for (let n = 0; n < 15; n += 1) await secretIn(stage, name, 'v'.repeat(64 * 1024));
  await secretIn(stage, name, 'v'.repeat(63 * 1024));
  return place;
}

export const conflicts: readonly Refusal[] = [
  conflict('POST /service-accounts', 'the name is taken', ({ somebody }) => ({ body: { user: somebody.user, pass: PASSWORD } })),
  conflict('PUT /service-accounts/{id}', 'nobody deactivates themselves', ({ everywhere }) => ({
    ...{ place: { id: everywhere.id }, body: { active: false } },
  })),
  conflict('DELETE /service-accounts/{id}', 'nobody removes themselves', ({ everywhere }) => ({
    place: { id: everywhere.id },
  })),
  conflict('POST /roles', 'the name is taken', () => ({ body: { name: 'viewer', rules: [] } })),
  conflict('DELETE /roles/{id}', 'it is built in', () => ({ place: { id: 'viewer' } })),
  conflict('POST /role-bindings', 'it is there already', ({ somebody, space }) => ({
    body: { role_name: 'admin', principal: somebody.user, space },
  })),
  conflict('POST /spaces', 'the name is taken', ({ space }) => ({ body: { name: space } })),
  conflict('DELETE /spaces/{name}', 'it has sessions', ({ closed }) => ({ place: { name: closed.space } })),
  conflict('POST /spaces/{name}/secrets', 'the name is taken', async (stage) => {
    const { name, key } = await secretIn(stage, stage.space, 'hidden');
    return { place: { name }, body: { key_name: key, value: 'hidden' } };
  }),
  conflict('PUT /spaces/{name}/secrets/{key}', 'they have too much together', async (stage) => ({
    place: await fullOfSecrets(stage),
    body: { value: 'v'.repeat(64 * 1024) },
  })),
  conflict('POST /spaces/{name}/agents', 'the name is taken', ({ space, agent }) => ({ place: { name: space }, body: { name: agent } })),
  conflict('POST /spaces/{name}/agents/{agent}/deploy', 'it has no source', async ({ made, unique, space }) => {
    const { name } = await made(`/spaces/${space}/agents`, { name: unique('agent') });
    return { place: { name: space, agent: String(name) } };
  }),
  conflict('GET /spaces/{name}/agents/{agent}/logs', 'its session rests', async ({ admin, made, space, agent }) => {
    const { id } = await made('/sessions', { space });
    expect(await admin.call('POST', `/sessions/${id}/suspend?force=true`), 200, 'suspend');
    return { place: { name: space, agent }, query: `session_id=${id}` };
  }),
  conflict('GET /spaces/{name}/logs', 'the named session rests', async ({ admin, made, space }) => {
    const { id } = await made('/sessions', { space });
    expect(await admin.call('POST', `/sessions/${id}/suspend?force=true`), 200, 'suspend');
    return { place: { name: space }, query: `session_id=${id}` };
  }),
  conflict('POST /spaces/{name}/build', 'the space is inactive', ({ closed }) => ({
    place: { name: closed.space },
    body: { force: true },
  })),
  conflict('POST /sessions', 'the space is inactive', ({ closed }) => ({ body: { space: closed.space } })),
  conflict('POST /sessions/{id}/remix', 'the space is inactive', ({ closed }) => ({ place: { id: closed.up } })),
  conflict('POST /sessions/{id}/pause', 'it is suspended', ({ closed }) => ({ place: { id: closed.resting } })),
  conflict('POST /sessions/{id}/resume', 'the space is inactive', ({ closed }) => ({ place: { id: closed.resting } })),
  conflict('PUT /sessions/{id}', 'its space keeps as many bytes as it may', async ({ made, unique }) => {
    const quotas = { storage_bytes: 8 * MIB + 20_000 };
    const { name } = await made('/spaces', { name: unique('space'), settings: { quotas } });
    const { id } = await made('/sessions', { space: name, resources: { limits: { disk_bytes: 8 * MIB } } });
    return { place: { id: String(id) }, body: { metadata: { large: 'x'.repeat(40_000) } } };
  }),
  conflict('PUT /sessions/{id}/state', 'busy cannot be asked for', ({ closed }) => ({
    place: { id: closed.up },
    body: { state: 'busy' },
  })),
  conflict('POST /sessions/{id}/messages', 'the space is inactive', ({ closed }) => ({
    place: { id: closed.up },
    body: { content: 'hi' },
  })),
  conflict('POST /sessions/{id}/messages/{message_id}/cancel', 'it is an answer', async ({ admin, made, space }) => {
    const { id } = await made('/sessions', { space });
    const { reply } = await admin.say(String(id), 'hello');
    return { place: { id: String(id), message_id: reply.id }, body: {} };
  }),
  conflict('POST /sessions/{id}/exec', 'it rests, and is not to wake', ({ closed }) => ({
    place: { id: closed.resting },
    body: { command: 'ls', wake: false },
  })),
  conflict('GET /sessions/{id}/files', 'it is a directory', ({ closed }) => ({ place: { id: closed.up }, query: 'path=.' })),
  conflict('PUT /sessions/{id}/files', 'it is a directory', ({ closed }) => ({
    ...{ place: { id: closed.up }, query: 'path=.', raw: Uint8Array.of(1) },
  })),
  conflict('PATCH /sessions/{id}/files', 'it rests, and is not to wake', ({ closed }) => ({
    ...{ place: { id: closed.resting }, query: 'path=.&wake=false', body: { mode: '755' } },
  })),
  conflict('POST /sessions/{id}/files', 'there is one', ({ closed }) => ({
    ...{ place: { id: closed.up }, query: 'path=/session/workspace&mkdir', body: {} },
  })),
  conflict('DELETE /sessions/{id}/files', 'it rests, and is not to wake', ({ closed }) => ({
    ...{ place: { id: closed.resting }, query: 'path=d&wake=false' },
  })),
  conflict('PATCH /nodes/{id}', 'it would have too many labels', async ({ admin, node }) => {
    const labels = (from: number) => Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`key-${from + at}`, '']));
    expect(await admin.call('PATCH', `/nodes/${node}`, { labels: labels(0) }), 200, 'label');
    return { place: { id: node }, body: { labels: labels(64) } };
  }),
  conflict('DELETE /nodes/{id}', 'it has sessions', async ({ admin, made, space }) => {
    const { id } = await made('/sessions', { space });
    return { place: { id: String((await admin.session(String(id))).node) } };
  }),
  conflict('POST /nodes/{id}/lost', 'it is connected', ({ node }) => ({ place: { id: node } })),
];

/** A running session of this size fills its node while another one rests. */
export interface FullStage {
  readonly size: { readonly resources: { readonly requests: { readonly memory_bytes: number } } };
  readonly up: string;
  readonly resting: string;
}

export const withoutRoom: readonly (readonly [operation: string, call: (stage: FullStage) => Call])[] = [
  ['POST /sessions', ({ size }) => ({ body: size })],
  ['POST /sessions/{id}/remix', ({ up }) => ({ place: { id: up } })],
  ['POST /sessions/{id}/resume', ({ resting }) => ({ place: { id: resting } })],
  ['PUT /sessions/{id}/state', ({ resting }) => ({ place: { id: resting }, body: { state: 'idle' } })],
  ['POST /sessions/{id}/messages', ({ resting }) => ({ place: { id: resting }, body: { content: 'up!' } })],
  ['GET /sessions/{id}/files', ({ resting }) => ({ place: { id: resting }, query: 'list' })],
  ['PUT /sessions/{id}/files', ({ resting }) => ({ place: { id: resting }, query: 'path=a', raw: Uint8Array.of(1) })],
  ['PATCH /sessions/{id}/files', ({ resting }) => ({ place: { id: resting }, query: 'path=a', body: { mode: '755' } })],
  ['POST /sessions/{id}/files', ({ resting }) => ({ place: { id: resting }, query: 'path=a&mkdir', body: {} })],
  ['DELETE /sessions/{id}/files', ({ resting }) => ({ place: { id: resting }, query: 'path=a' })],
  ['POST /sessions/{id}/exec', ({ resting }) => ({ place: { id: resting }, body: { command: 'ls' } })],
];

/**
 * Refusals that need more than a client of any server can do. Other tests here cover them with
 * their own server.
 */
export const NOT_BY_A_CLIENT: Readonly<Record<string, string>> = {
  'DELETE /role-bindings/{id}: 409': 'it takes that there is one admin alone',
  'POST /api-keys: 409': 'it takes 1,000 keys',
  'POST /sessions/{id}/suspend: 409': 'it takes a session that failed',
  'GET /spaces/{name}/agents/{agent}/logs: 503': 'it takes a node that is away',
  'GET /spaces/{name}/logs: 503': 'it takes a node that is away',
  'GET /nodes/{id}/orphans: 503': 'it takes a node that is away',
  'POST /nodes/{id}/orphans/{session}/adopt: 409': 'it takes an orphan',
  'POST /nodes/{id}/orphans/{session}/adopt: 503': 'it takes an orphan on a node that is away',
  'DELETE /nodes/{id}/orphans/{session}: 409': 'it takes an orphan',
  'DELETE /nodes/{id}/orphans/{session}: 503': 'it takes an orphan on a node that is away',
  'GET /sessions/{id}/ports: 409': 'it takes a session that stops meanwhile',
  'GET /sessions/{id}/ports: 503': 'it takes a node that is away',
  'GET /sessions/{id}/ports/{port}: 409': 'it takes a WebSocket',
  'GET /sessions/{id}/ports/{port}: 503': 'it takes a WebSocket',
  'POST /sessions/{id}/ports/{port}/share: 409': 'it takes 16 public ports, or no preview domain',
  'POST /sessions/{id}/ports/{port}/share: 503': 'it takes a disk that is almost full',
  'POST /nodes/tokens: 409': 'it takes a thousand valid join tokens',
  'GET /health: 503': 'it takes a store that cannot be read',
  'POST /tickets: 503': 'it takes a thousand unused tickets',
  ...Object.fromEntries(
    [
      ...['service-accounts', 'roles', 'role-bindings', 'api-keys', 'spaces', 'spaces/{name}/secrets', 'spaces/{name}/agents'],
      ...['spaces/{name}/builds', 'sessions'],
      ...['sessions/{id}/messages', 'sessions/{id}/messages/count', 'sessions/{id}/trace/{message_id}', 'audit'],
    ].map((path) => [`GET /${path}: 503`, 'it takes a reading thread that has just ended']),
  ),
  ...Object.fromEntries(
    [
      ...['POST /service-accounts', 'POST /roles', 'POST /role-bindings', 'POST /api-keys', 'POST /nodes/tokens', 'POST /spaces'],
      ...['POST /spaces/{name}/secrets', 'POST /spaces/{name}/agents', 'POST /spaces/{name}/agents/{agent}/deploy'],
      ...['PUT /spaces/{name}/agents/{agent}/source', 'POST /spaces/{name}/build'],
    ].map((operation) => [`${operation}: 503`, 'it takes a disk that is almost full']),
  ),
  ...Object.fromEntries(
    [
      ...['GET processes', 'POST processes', 'GET processes/{process_id}', 'DELETE processes/{process_id}'],
      ...['GET processes/{process_id}/attach', 'POST processes/{process_id}/signal', 'POST processes/{process_id}/resize'],
      ...['POST processes/{process_id}/close-stdin', 'GET ports', 'GET ports/{port}', 'POST ports/{port}/share'],
    ].flatMap((operation) => {
      const [method, path] = operation.split(' ');
      return [
        [`${method} /sessions/{id}/${path}: 409`, 'it takes a session that failed, or a process of another kind'],
        [`${method} /sessions/{id}/${path}: 503`, 'it takes a node that is away'],
      ];
    }),
  ),
};
