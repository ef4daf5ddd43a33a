import t from 'tap';
import { DEFAULT_SIZE_RULES, sizesOf, WORKSTATION_LIMITS } from '../../../../controller/domain/sessions/session-sizes.ts';

const GIB = 1024 ** 3;
const limits = (settings: Readonly<Record<string, unknown>>, sent = {}, nodes = {}) => {
  const sizes = sizesOf(DEFAULT_SIZE_RULES, settings, { limits: sent }, { profile: 'workstation', nodes });
  return sizes.ok ? sizes.value.limits : sizes;
};
const ofSpace = (memory_bytes: number) => ({ resources: { limits: { memory_bytes } } });

t.test('a workstation has two CPUs and 4 GiB, more where the space says so, and what the client asks for', async (t) => {
  t.match(limits({}), { cpuMillis: 2000, memoryBytes: 4 * GIB, diskBytes: 8 * GIB, processes: 1024 });
  t.match(limits(ofSpace(6 * GIB)), { ...WORKSTATION_LIMITS, memoryBytes: 6 * GIB });
  t.match(limits(ofSpace(GIB)), WORKSTATION_LIMITS, 'what the space sets for agents makes it no smaller');
  t.match(limits({ maxima: { memory_bytes: 2 * GIB } }), { memoryBytes: 2 * GIB });
  t.match(limits({}, { memory_bytes: GIB }), { memoryBytes: GIB });
  t.match(limits({}, {}, { cpuMillis: 1800 }), { cpuMillis: 1800 }, 'no more than some node has');
  t.match(limits({}, { cpu: 2 }, { cpuMillis: 1800 }), { cpuMillis: 2000 }, 'what was asked for is kept');
});
