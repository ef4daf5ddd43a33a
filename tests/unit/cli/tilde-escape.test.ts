import t from 'tap';
import { TildeEscape } from '../../../cli/commands/terminal/tilde-escape.ts';

/** What is passed on of what is typed in these pieces; `|` where it leaves. */
function typed(...pieces: readonly string[]): string {
  const keys = new TildeEscape();
  let passed = '';
  for (const piece of pieces) {
    const { pass, leaves } = keys.take(Buffer.from(piece));
    passed += Buffer.from(pass).toString();
    if (leaves) return `${passed}|`;
  }
  return passed;
}

t.test('~. leaves at the beginning of a line only, however it is split', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['~.', '|'],
    ['ls\r~.rest', 'ls\r|'],
    ['ls\n~.', 'ls\n|'],
    ['ls ~.', 'ls ~.'],
    ['a~.\r~.', 'a~.\r|'],
    ['~~.', '~.'],
    ['~~.\r~.', '~.\r|'],
    ['~\r~.', '~\r|'],
    ['~/bin\r', '~/bin\r'],
    ['~x.', '~x.'],
    ['\r\r~.', '\r\r|'],
    ['ü~.', 'ü~.'],
    ['ü\r~.', 'ü\r|'],
    ['\u001b[A~.', '\u001b[A~.'],
    ['', ''],
  ];
  for (const [text, expected] of cases) {
    t.equal(typed(text), expected, JSON.stringify(text));
    t.equal(typed(...text), expected, `${JSON.stringify(text)} by single keys`);
  }
});

t.test('a tilde waits for the key after it', async (t) => {
  t.equal(typed('~'), '');
  t.equal(typed('~', 'x'), '~x');
});
