import { everywhere, type Row, type Stage, within } from './rows.ts';

const space = async ({ made, unique }: Stage) => String((await made('/spaces', { name: unique('space') })).name);
const secret = async ({ made, unique, space }: Stage) => {
  const key = unique('KEY').replaceAll('-', '_');
  await made(`/spaces/${space}/secrets`, { key_name: key, value: 'hidden' });
  return { name: space, key };
};
const agent = async ({ made, unique, space }: Stage) => ({
  name: space,
  agent: String((await made(`/spaces/${space}/agents`, { name: unique('agent') })).name),
});
const withSource = async (stage: Stage) => {
  const place = await agent(stage);
  await stage.admin.send('PUT', `/spaces/${place.name}/agents/${place.agent}/source`, stage.archive, 'application/gzip');
  return place;
};

/** Spaces, secrets, agents, builds. */
export const spaceRows: readonly Row[] = [
  everywhere('GET /spaces', 'spaces:list', 200, () => ({}), { outside: 200 }),
  everywhere('POST /spaces', 'spaces:create', 201, ({ unique }) => ({ body: { name: unique('space') } })),
  within('GET /spaces/{name}', 'spaces:get', 200, ({ space }) => ({ place: { name: space } })),
  within('PUT /spaces/{name}', 'spaces:update', 200, ({ space }) => ({ place: { name: space }, body: { description: 'of the suite' } })),
  within('PATCH /spaces/{name}', 'spaces:update', 200, ({ space }) => ({ place: { name: space }, body: { settings: { note: 'kept' } } })),
  // An empty space that is not the suite's. It does not exist for callers without a role in it.
  everywhere('DELETE /spaces/{name}', 'spaces:delete', 204, async (stage) => ({ place: { name: await space(stage) } }), { outside: 404 }),

  within('GET /spaces/{name}/secrets', 'secrets:list', 200, ({ space }) => ({ place: { name: space } })),
  within('POST /spaces/{name}/secrets', 'secrets:create', 201, ({ space, unique }) => ({
    place: { name: space },
    body: { key_name: unique('KEY').replaceAll('-', '_'), value: 'hidden' },
  })),
  within('GET /spaces/{name}/secrets/{key}', 'secrets:get', 200, async (stage) => ({ place: await secret(stage) })),
  within('PUT /spaces/{name}/secrets/{key}', 'secrets:update', 200, async (stage) => ({
    place: await secret(stage),
    body: { value: 'changed' },
  })),
  within('DELETE /spaces/{name}/secrets/{key}', 'secrets:delete', 204, async (stage) => ({ place: await secret(stage) })),

  within('GET /spaces/{name}/agents', 'agents:list', 200, ({ space }) => ({ place: { name: space } })),
  within('POST /spaces/{name}/agents', 'agents:create', 201, ({ space, unique }) => ({
    place: { name: space },
    body: { name: unique('agent') },
  })),
  within('GET /spaces/{name}/agents/running', 'agents:list', 200, ({ space }) => ({ place: { name: space } })),
  within('GET /spaces/{name}/agents/{agent}', 'agents:get', 200, ({ space, agent }) => ({ place: { name: space, agent } })),
  within('PUT /spaces/{name}/agents/{agent}', 'agents:update', 200, async (stage) => ({
    place: await agent(stage),
    body: { purpose: 'changed' },
  })),
  within('DELETE /spaces/{name}/agents/{agent}', 'agents:delete', 204, async (stage) => ({ place: await agent(stage) })),
  within('PATCH /spaces/{name}/agents/{agent}/status', 'agents:update', 200, async (stage) => ({
    place: await agent(stage),
    body: { status: 'inactive' },
  })),
  within('PUT /spaces/{name}/agents/{agent}/source', 'agents:update', 201, async (stage) => ({
    place: await agent(stage),
    raw: stage.archive,
  })),
  within('POST /spaces/{name}/agents/{agent}/deploy', 'agents:deploy', 200, async (stage) => ({ place: await withSource(stage) })),
  within('POST /spaces/{name}/agents/{agent}/stop', 'agents:deploy', 200, async (stage) => ({ place: await agent(stage) })),
  within('GET /spaces/{name}/agents/{agent}/logs', 'agents:logs', 200, ({ space, agent }) => ({ place: { name: space, agent } })),

  within('GET /spaces/{name}/logs', 'agents:logs', 200, ({ space }) => ({ place: { name: space } })),

  within('POST /spaces/{name}/build', 'builds:create', 201, ({ space }) => ({ place: { name: space } })),
  within('GET /spaces/{name}/build/latest', 'builds:get', 200, ({ space }) => ({ place: { name: space } })),
  within('GET /spaces/{name}/build/{build_id}', 'builds:get', 200, ({ space, build }) => ({ place: { name: space, build_id: build } })),
  within('GET /spaces/{name}/builds', 'builds:list', 200, ({ space }) => ({ place: { name: space } })),
  within('DELETE /spaces/{name}/build/{build_id}', 'builds:delete', 200, ({ space, build }) => ({
    place: { name: space, build_id: build },
  })),
  within('GET /spaces/{name}/build/{build_id}/logs', 'builds:get', 200, ({ space, build }) => ({
    place: { name: space, build_id: build },
  })),
];
