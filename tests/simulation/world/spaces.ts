import { z } from 'zod';
import type { Refusal } from '../../../controller/domain/engine/outcome.ts';
import type { Client } from './client.ts';
import { someScheduling } from './label-rules.ts';
import { MODEL } from './router.ts';
import { NARROW, SPACES } from './store.ts';

const MIB = 1024 * 1024;
const KEYS = ['TOKEN', 'REGION'] as const;
const HIDDEN = {} as const;

/** Returns whether a space refuses more. A refusal by quota must agree with its own figures. */
export function isSpaceFull({ code, message, details }: Refusal): boolean {
  if (code !== 'CONFLICT') return false;
  if (details === undefined || details === null) return / is inactive and accepts /.test(message);
  const told = z.object({ quota: z.string(), used: z.number(), allowed: z.number(), asked: z.number() }).safeParse(details);
  return told.success && told.data.used + told.data.asked > told.data.allowed;
}

/** Changes the quotas of the narrow space, removes them, or sets them to what is used. */
export async function changeQuotas(client: Client): Promise<void> {
  const { random } = client;
  const storage = random.fork('storage');
  const quotas = {
    ...(random.chance(0.7) ? { sessions: random.whole(1, 8) } : {}),
    ...(random.chance(0.3) ? { cpu: random.whole(1, 8) * 0.05 } : {}),
    ...(random.chance(0.3) ? { memory_bytes: random.whole(1, 8) * 128 * MIB } : {}),
    ...(storage.chance(0.3) ? { storage_bytes: storage.whole(1, 8) * 1024 * MIB + storage.whole(0, 400) } : {}),
  };
  const maxima = random.fork('maxima').chance(0.4) ? { maxima: { memory_bytes: 384 * MIB, processes: 128 } } : {};
  const apart = random.fork(`scheduling ${client.cluster.time.now}`);
  const scheduling = apart.chance(0.5) ? { scheduling: someScheduling(apart) } : {};
  const model = apart.chance(0.5) ? { model: MODEL } : {};
  await settle(client, {
    settings: random.chance(0.8) ? { quotas, ...maxima, ...scheduling, ...model } : { ...maxima, ...scheduling, ...model },
    active: random.chance(0.85),
  });
}

/** Lets everything that waits continue. */
export const openSpaces = (client: Client) => settle(client, { settings: {}, active: true });

async function settle(client: Client, change: { settings: Record<string, unknown>; active: boolean }): Promise<void> {
  const changed = await client.insist(`space ${NARROW}`, (services, caller) => services.spaces.update(caller, NARROW, change));
  if (changed !== 'lost' && !changed.ok) client.violation(`space ${NARROW}: ${changed.refusal.code}`);
}

/** Sets, changes or deletes a secret of a space. */
export async function changeSecret(client: Client): Promise<void> {
  const { random } = client;
  const space = random.pick(SPACES)?.name ?? NARROW;
  const key = random.pick(KEYS) ?? 'TOKEN';
  const value = `${space} ${key} ${client.fresh()}`;
  const how = random.weighted({ change: 8, remove: 2 });
  const answer = await client.ask<unknown>(`${how} ${key} of ${space}`, async ({ secrets }, caller) => {
    if (how === 'remove') return secrets.remove(caller, space, key);
    const changed = await secrets.update(caller, space, key, { value }, HIDDEN);
    return changed.ok || changed.refusal.code !== 'NOT_FOUND' ? changed : secrets.create(caller, space, { key_name: key, value });
  });
  if (answer === 'lost' || answer.ok) return;
  // Somebody else changed it meanwhile.
  if (!['CONFLICT', 'NOT_FOUND'].includes(answer.refusal.code)) client.violation(`${how} ${key} of ${space}: ${answer.refusal.code}`);
}

/** Stops the moody agent, deactivates it, or activates it again. */
export async function stopOrStart(client: Client): Promise<void> {
  const { random } = client;
  const space = random.pick(SPACES)?.name ?? NARROW;
  const how = random.weighted({ active: 5, inactive: 2, stop: 3 });
  const answer = await client.ask(`${how} moody of ${space}`, (services, caller) =>
    how === 'stop' ? services.agents.stop(caller, space, 'moody') : services.agents.setStatus(caller, space, 'moody', how),
  );
  if (answer !== 'lost' && !answer.ok) client.violation(`${how} moody of ${space}: ${answer.refusal.code}`);
}
