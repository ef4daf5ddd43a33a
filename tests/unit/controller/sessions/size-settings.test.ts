import t from 'tap';
import { DEFAULT_SIZE_RULES } from '../../../../controller/domain/sessions/session-sizes.ts';
import { readSettings } from '../../../../controller/settings/settings.ts';
import { parseFlags } from '../../../../node-agent/flags.ts';

t.test('an operator sets how large sessions may be; what makes no sense is refused by name', (t) => {
  const read = (env: Record<string, string>) => readSettings(env);
  t.match(read({}), { ok: true, value: { sizes: { ...DEFAULT_SIZE_RULES, slots: 2 } } });
  const env = {
    RAWORC_MAX_SESSION_CPU: '2.5',
    RAWORC_MAX_SESSION_MEMORY_BYTES: '1073741824',
    RAWORC_MAX_SESSION_DISK_BYTES: '2147483648',
    RAWORC_MAX_SESSION_PROCESSES: '500',
    RAWORC_MAX_LIMIT_RATIO: '0',
    RAWORC_MEMORY_OVERCOMMIT: '1.5',
    RAWORC_DISK_OVERCOMMIT: '0',
    RAWORC_SLOTS: '5',
    RAWORC_SESSION_HISTORY_MESSAGES: '1000',
    RAWORC_SESSION_HISTORY_BYTES: '0',
  };
  const sizes = {
    most: { cpuMillis: 2500, memoryBytes: 2 ** 30, diskBytes: 2 ** 31, processes: 500 },
    ...{ maxRatio: 0, memoryOvercommit: 1.5, diskOvercommit: 0, history: { messages: 1000, bytes: 0 }, slots: 5 },
  };
  t.match(read(env), { ok: true, value: { sizes } });
  const wrong: Readonly<Record<string, readonly string[]>> = {
    RAWORC_MAX_SESSION_CPU: ['0', 'many', '-1', 'Infinity'],
    RAWORC_MAX_SESSION_MEMORY_BYTES: ['1', '1e9', '67108864.5'],
    RAWORC_MAX_SESSION_PROCESSES: ['0', '0x10'],
    RAWORC_MEMORY_OVERCOMMIT: ['-1', 'none'],
  };
  for (const [name, values] of Object.entries(wrong))
    for (const value of values) t.match(read({ [name]: value }), { ok: false, refusal: { message: new RegExp(`${name} must be`) } }, value);
  t.end();
});

t.test('a node agent takes maxima and reserves as flags', (t) => {
  const flags = ['--data', 'd', '--max-memory-bytes', '1000', '--max-processes', '10', '--reserve-cpu-millis', '250', '--disk-bytes', '9'];
  t.match(parseFlags(flags), {
    ok: true,
    flags: { most: { memoryBytes: 1000, processes: 10 }, reserve: { cpuMillis: 250 }, capacity: { diskBytes: 9 } },
  });
  t.match(parseFlags(['--data', 'd', '--max-processes', 'ten']), { ok: false, problem: /--max-processes/ });
  t.end();
});
