import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LEGAL, type Legality, REQUEST_FOR_STATE, type SessionRequest } from '../../../controller/domain/sessions/legal.ts';
import { rowsOfState } from '../../../controller/domain/sessions/life-cycle.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/life-cycle.md'), 'utf8');
const STATES = ['init', 'idle', 'busy', 'paused', 'suspended', 'error'] as const;
const REQUESTS: readonly SessionRequest[] = ['message', 'pause', 'suspend', 'resume', 'recover', 'remix', 'delete'];
const WORDS: Readonly<Record<Legality, string>> = { yes: 'yes', wakes: 'wakes it', unchanged: 'unchanged', conflict: '409' };
const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;

t.test('the page has the table of legal requests', async (t) => {
  const rows = Object.entries(LEGAL).map(([desired, verdicts]) => {
    t.same(Object.keys(verdicts).sort(), [...REQUESTS].sort());
    const states = STATES.filter((state) => rowsOfState(state).some((row) => row.desired === desired)).map((state) => `\`${state}\``);
    return line([`${desired} (${states.join(', ')})`, ...REQUESTS.map((request) => WORDS[verdicts[request]])]);
  });
  const table = `${line(['it should be', ...REQUESTS])}|${'---|'.repeat(REQUESTS.length + 1)}\n${rows.join('')}`;
  t.ok(page.includes(table), `docs/life-cycle.md lacks this table:\n${table}`);
});

t.test('the page explains PUT state', async (t) => {
  for (const [state, request] of Object.entries(REQUEST_FOR_STATE)) {
    const text = request === undefined ? `\`${state}\`` : `\`${state}\` means ${request}`;
    const sentence = page.slice(page.indexOf('`PUT /sessions/{id}/state`')).split('\n\n')[0] ?? '';
    const [asked = '', not = ''] = sentence.split(';\n');
    t.ok((request === undefined ? not : asked).includes(text), text);
  }
});
