import { anybody, everywhere, type Row, type Stage, within } from './rows.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const session = async ({ made, space }: Stage) => ({ id: String((await made('/sessions', { space })).id) });

const running = async (stage: Stage, hasTerminal = false) => {
  const place = await session(stage);
  const pty = hasTerminal ? { pty: { cols: 80, rows: 24 } } : {};
  const { id } = await stage.made(`/sessions/${place.id}/processes`, { argv: ['cat'], ...pty });
  return { ...place, process_id: String(id) };
};

/**
 * Sessions, messages, events, nodes and public operations. A session does not exist for callers who
 * cannot read it.
 */
export const sessionRows: readonly Row[] = [
  // Everybody can list their own sessions, even if there are none.
  within('GET /sessions', 'sessions:list', 200, () => ({}), { without: 200, outside: 200 }),
  within('POST /sessions', 'sessions:create', 201, ({ space }) => ({ body: { space } })),
  within('GET /sessions/{id}', 'sessions:get', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within('PUT /sessions/{id}', 'sessions:update', 200, async (stage) => ({ place: await session(stage), body: { name: 'changed' } }), {
    without: 404,
  }),
  within('DELETE /sessions/{id}', 'sessions:delete', 204, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within(
    'PUT /sessions/{id}/state',
    'sessions:update',
    200,
    async (stage) => ({ place: await session(stage), body: { state: 'paused' } }),
    {
      without: 404,
    },
  ),
  ...['pause', 'suspend', 'resume'].map((request) =>
    within(`POST /sessions/{id}/${request}`, 'sessions:update', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  ),
  within('POST /sessions/{id}/remix', 'sessions:update sessions:create', 201, async (stage) => ({ place: await session(stage) }), {
    without: 404,
  }),

  within('GET /sessions/{id}/messages', 'sessions:get', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within(
    'POST /sessions/{id}/messages',
    'sessions:update',
    201,
    async (stage) => ({ place: await session(stage), body: { content: 'hi' } }),
    {
      without: 404,
    },
  ),
  within(
    'POST /sessions/{id}/messages/{message_id}/cancel',
    'sessions:update',
    200,
    async (stage) => {
      const place = await session(stage);
      const message = await stage.made(`/sessions/${place.id}/messages`, { content: 'hi' });
      return { place: { ...place, message_id: String(message.id) } };
    },
    { without: 404 },
  ),
  within('POST /sessions/{id}/exec', 'sessions:exec', 200, async (stage) => ({ place: await session(stage), body: { command: 'ls' } }), {
    without: 404,
  }),
  within('GET /sessions/{id}/processes', 'sessions:exec', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within(
    'POST /sessions/{id}/processes',
    'sessions:exec',
    201,
    async (stage) => ({ place: await session(stage), body: { command: 'cat' } }),
    { without: 404 },
  ),
  within('GET /sessions/{id}/processes/{process_id}', 'sessions:exec', 200, async (stage) => ({ place: await running(stage) }), {
    without: 404,
  }),
  within('DELETE /sessions/{id}/processes/{process_id}', 'sessions:exec', 204, async (stage) => ({ place: await running(stage) }), {
    without: 404,
  }),
  ...(
    [
      ['signal', { signal: 'TERM' }],
      ['resize', { cols: 100, rows: 40 }],
      ['close-stdin', {}],
    ] as const
  ).map(([request, body]) =>
    within(
      `POST /sessions/{id}/processes/{process_id}/${request}`,
      'sessions:exec',
      200,
      async (stage) => ({ place: await running(stage, request === 'resize'), body }),
      { without: 404 },
    ),
  ),
  // A WebSocket, or a refusal: rows send ordinary requests.
  within('GET /sessions/{id}/processes/{process_id}/attach', 'sessions:exec', 400, async (stage) => ({ place: await running(stage) }), {
    without: 404,
  }),
  within('POST /tickets', 'sessions:exec', 201, async (stage) => ({ body: { for: 'attach', session: (await session(stage)).id } }), {
    without: 404,
  }),
  within('GET /sessions/{id}/files', 'sessions:files', 200, async (stage) => ({ place: await session(stage), query: 'list' }), {
    without: 404,
  }),
  within(
    'PUT /sessions/{id}/files',
    'sessions:files',
    200,
    async (stage) => ({ place: await session(stage), query: 'path=a', raw: Uint8Array.of(1) }),
    { without: 404 },
  ),
  within(
    'PATCH /sessions/{id}/files',
    'sessions:files',
    200,
    async (stage) => ({ place: await session(stage), query: 'path=.', body: { mode: '755' } }),
    { without: 404 },
  ),
  within(
    'POST /sessions/{id}/files',
    'sessions:files',
    200,
    async (stage) => ({ place: await session(stage), query: 'path=d&mkdir&parents', body: {} }),
    { without: 404 },
  ),
  within(
    'DELETE /sessions/{id}/files',
    'sessions:files',
    204,
    async (stage) => {
      const place = await session(stage);
      await stage.admin.call('POST', `/sessions/${place.id}/files?path=d&mkdir`);
      return { place, query: 'path=d' };
    },
    { without: 404 },
  ),
  within('GET /sessions/{id}/ports', 'sessions:ports', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  // Without a WebSocket, who may use the port learns that it takes one.
  within(
    'GET /sessions/{id}/ports/{port}',
    'sessions:ports',
    400,
    async (stage) => ({ place: { ...(await session(stage)), port: '80' } }),
    {
      without: 404,
    },
  ),
  within(
    'POST /sessions/{id}/ports/{port}/share',
    'sessions:ports',
    201,
    async (stage) => ({ place: { ...(await session(stage)), port: '80' }, body: {} }),
    {
      without: 404,
    },
  ),
  within(
    'DELETE /sessions/{id}/ports/{port}/share',
    'sessions:ports',
    204,
    async (stage) => {
      const place = await session(stage);
      await stage.made(`/sessions/${place.id}/ports/80/share`, { public: true });
      return { place: { ...place, port: '80' } };
    },
    { without: 404 },
  ),
  within('DELETE /sessions/{id}/messages', 'sessions:update', 204, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within('GET /sessions/{id}/messages/count', 'sessions:get', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  within(
    'GET /sessions/{id}/trace/{message_id}',
    'sessions:get',
    200,
    async (stage) => {
      const place = await session(stage);
      const message = await stage.made(`/sessions/${place.id}/messages`, { content: 'hi' });
      return { place: { ...place, message_id: String(message.id) } };
    },
    { without: 404 },
  ),
  within('GET /sessions/{id}/events', 'sessions:get', 200, async (stage) => ({ place: await session(stage) }), { without: 404 }),
  anybody('GET /events', 'self', 200),

  everywhere('GET /nodes', 'nodes:list', 200, () => ({})),
  everywhere('GET /nodes/{id}', 'nodes:get', 200, ({ node }) => ({ place: { id: node } })),
  everywhere('GET /nodes/tokens', 'nodes:list', 200, () => ({})),
  everywhere('POST /nodes/tokens', 'nodes:create', 201, () => ({ body: { expires_in_s: 1 } })),
  everywhere('DELETE /nodes/tokens/{token}', 'nodes:create', 204, async ({ made }) => ({
    place: { token: String((await made('/nodes/tokens', {})).id) },
  })),
  everywhere('PUT /nodes/{id}', 'nodes:update', 200, ({ node }) => ({ place: { id: node }, body: { labels: { of: 'the-suite' } } })),
  everywhere('PATCH /nodes/{id}', 'nodes:update', 200, ({ node }) => ({ place: { id: node }, body: { labels: { of: null } } })),
  // The suite needs its node, so another test cordons and drains.
  everywhere('POST /nodes/{id}/cordon', 'nodes:update', 404, () => ({ place: { id: 'nowhere' } })),
  everywhere('POST /nodes/{id}/uncordon', 'nodes:update', 200, ({ node }) => ({ place: { id: node } })),
  everywhere('POST /nodes/{id}/drain', 'nodes:update', 404, () => ({ place: { id: 'nowhere' } })),
  everywhere('GET /nodes/{id}/drain', 'nodes:get', 404, ({ node }) => ({ place: { id: node } })),
  everywhere('DELETE /nodes/{id}/drain', 'nodes:update', 404, ({ node }) => ({ place: { id: node } })),
  everywhere('DELETE /nodes/{id}', 'nodes:delete', 404, () => ({ place: { id: 'nowhere' } })),
  // Lost nodes and orphans need a node of the test's own.
  everywhere('POST /nodes/{id}/lost', 'nodes:update', 409, ({ node }) => ({ place: { id: node } })),
  everywhere('GET /nodes/{id}/orphans', 'nodes:get', 200, ({ node }) => ({ place: { id: node } })),
  everywhere('POST /nodes/{id}/orphans/{session}/adopt', 'nodes:update', 404, ({ node }) => ({ place: { id: node, session: UNKNOWN } })),
  everywhere('DELETE /nodes/{id}/orphans/{session}', 'nodes:update', 404, ({ node }) => ({ place: { id: node, session: UNKNOWN } })),

  everywhere('GET /audit', 'audit:list', 200, () => ({})),

  anybody('GET /health', 'public', 200),
  anybody('GET /version', 'public', 200),
  anybody('GET /openapi.json', 'public', 200),
];
