/**
 * This release against the protocol of the previous one, as recorded in previous-descriptor.json.
 * tests/cluster/versions.test.ts runs the previous release itself, where there is a history.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromJSON, type MessageTypeDefinition } from '@grpc/proto-loader';
import t from 'tap';
import { z } from 'zod';
import { controllerFrames, nodeFrames } from '../../../proto/codec.ts';
import descriptor from '../../../proto/generated/descriptor.json' with { type: 'json' };
import { NODE } from '../controller/core.ts';
import { cluster, hello, inventory } from '../controller/fleet/world.ts';

const recorded = z
  .record(z.string(), z.unknown())
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, 'previous-descriptor.json'), 'utf8')));
const options = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true };
const previous = fromJSON(recorded as Parameters<typeof fromJSON>[0], options);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** Returns what is in `before` and missing or different in `now`. Members of a oneof can grow. */
function lost(before: unknown, now: unknown, path = ''): string[] {
  if (Array.isArray(before))
    return before.every((one) => Array.isArray(now) && now.includes(one)) || path.endsWith('.reserved') ? [] : [path];
  if (!isRecord(before)) return before === now ? [] : [path];
  return Object.entries(before).flatMap(([key, value]) => lost(value, isRecord(now) ? now[key] : undefined, `${path}.${key}`));
}

function previousType(name: string): MessageTypeDefinition<object, object> {
  const type = previous[`raworc.node.v0.${name}`];
  if (type === undefined || !('serialize' in type && 'deserialize' in type)) throw new Error(`no ${name} was recorded`);
  return type as MessageTypeDefinition<object, object>;
}

t.test('every message, field, enum and method of the previous release is still there, with its number and type', async (t) => {
  t.same(lost(recorded, descriptor), []);
  t.same(lost({ a: { id: 1 }, b: [1] }, { a: { id: 2 }, b: [] }), ['.a.id', '.b'], 'changes are found');
});

t.test('the previous controller reads the version that it speaks in the hello of this node agent', async (t) => {
  const read = previousType('NodeFrame').deserialize(nodeFrames.encode(hello()));
  t.match(read, { body: 'hello', hello: { protocolVersion: 1, clusterId: 'cluster' } });
});

t.test('the previous node agent is welcomed in the version that it speaks, and reads all that it is sent', async (t) => {
  const { connect } = await cluster(t);
  const own = previousType('NodeFrame');
  const { newestProtocolVersion: _newest, movesImages: _moves, ...values } = hello().value as Readonly<Record<string, unknown>>;
  const frame = (name: string, value: unknown) => nodeFrames.decode(own.serialize({ [name]: value }));
  const node = connect(NODE, frame('hello', values), frame('inventory', inventory.value), `key-${NODE}`);
  await node.until(() => node.of('assignmentSet')[0] ?? node.fault);
  t.notOk(node.closed);
  const read = node.told.map((frame) => previousType('ControllerFrame').deserialize(controllerFrames.encode(frame)));
  t.match(read[0], { body: 'welcome', welcome: { protocolVersion: 1 } });
  for (const one of read) t.ok('body' in one && one.body, 'a kind of frame that it knows');
});
