import t from 'tap';
import { renderLogLine } from '../../../scripts/up/log-line.ts';
import { isPlainName, isPlainText, visibleName, visibleText } from '../../../seams/terminal-text.ts';
import { ATTACKS, HONEST, IN_NAMES } from './terminal-attacks.ts';

/** Written anew: no control character but tab, newline, and a return before a newline, and nothing that turns text around. */
const isHarmless = (text: string) =>
  [...text.replaceAll('\r\n', '\n')].every((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return character === '\t' || character === '\n';
    if (code >= 0x7f && code <= 0x9f) return false;
    return (
      !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069) && code !== 0x2028 && code !== 0x2029 && code < 0xe0000
    );
  });

t.test('sanitised attacks contain nothing that a terminal acts on, and stay readable', async (t) => {
  for (const [what, attack] of Object.entries(ATTACKS)) {
    t.notOk(isHarmless(attack), `${what} is one`);
    const shown = visibleText(attack);
    t.ok(isHarmless(shown), `${what}: ${shown}`);
    t.notOk(isPlainText(attack), what);
    t.ok(isPlainText(shown), what);
    t.equal(
      JSON.parse(
        `"${shown
          .replaceAll('\\\\', '\\')
          .replaceAll('"', '\\"')
          .replace(/\\(?!u[0-9a-f]{4}|")/g, '\\\\')}"`,
      ),
      attack,
      `${what}: spelled as JSON spells it`,
    );
  }
  t.equal(visibleText('\u001b]0;owned\u0007'), '\\u001b]0;owned\\u0007');
});

t.test('harmless text is unchanged', async (t) => {
  for (const text of HONEST) {
    t.equal(visibleText(text), text);
    t.ok(isPlainText(text), text);
  }
});

t.test('invisible characters in names are spelled out', async (t) => {
  for (const [what, name] of Object.entries({ ...ATTACKS, ...IN_NAMES })) {
    t.notOk(isPlainName(name), what);
    t.ok(isPlainName(visibleName(name)) && isHarmless(visibleName(name)) && !/[\t\r\n]/.test(visibleName(name)), what);
  }
  for (const name of ['node-1', 'Grüße', '你好', 'raworc/session:4f4a52', '']) t.ok(isPlainName(name), name);
});

t.test('log lines of our own and other processes are sanitised', async (t) => {
  for (const [what, attack] of Object.entries({ ...ATTACKS, ...IN_NAMES })) {
    const entry = JSON.stringify({
      at: '2026-01-01T00:00:00.000Z',
      level: 'warn',
      event: `node.${attack}`,
      [attack]: attack,
      version: attack,
    });
    for (const line of [entry, attack, `{"event":1} ${attack}`]) t.ok(isPlainName(renderLogLine('node-1', line)), what);
  }
});
