import t from 'tap';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { KeptOutput } from '../../../../controller/services/commands/kept-output.ts';

/** A budget of so many bytes. */
function budgetOf(bytes: number) {
  const grown: number[] = [];
  const used = () => grown.reduce((sum, amount) => sum + amount, 0);
  return {
    used,
    grown,
    grow(amount: number) {
      if (used() + amount > bytes) return refused('RATE_LIMITED', 'too much');
      grown.push(amount);
      return accepted(undefined);
    },
  };
}

t.test('an output in very many pieces costs what its bytes cost', async (t) => {
  const budget = budgetOf(2 ** 20);
  const kept = new KeptOutput(2 ** 20, budget);
  // Each piece is one byte of a buffer that is used again.
  const buffer = Buffer.alloc(64 * 1024);
  const expected = Buffer.alloc(100_000, 'a much longer text ');
  for (const byte of expected) {
    buffer[0] = byte;
    kept.add(buffer.subarray(0, 1));
  }
  t.ok(expected.equals(Buffer.from(kept.text('utf8'))), 'no piece is kept by its buffer');
  t.ok(budget.grown.length < 10, `the budget was asked ${budget.grown.length} times`);
  t.ok(budget.used() >= expected.byteLength && budget.used() <= 2 * expected.byteLength);
  t.equal(kept.isTruncated, false);
});

t.test('the first bytes are kept, and nothing behind what is left out', async (t) => {
  const kept = new KeptOutput(5, budgetOf(100));
  for (const piece of ['abc', 'defg', 'h', '']) kept.add(Buffer.from(piece));
  t.same([kept.text('utf8'), kept.isTruncated], ['abcde', true]);
  t.equal(kept.text('base64'), Buffer.from('abcde').toString('base64'));

  const short = new KeptOutput(2, budgetOf(2));
  short.add(Buffer.from('abc'));
  t.same([short.text('utf8'), short.isTruncated], ['ab', true]);

  const exact = new KeptOutput(3, budgetOf(3));
  exact.add(Buffer.from('abc'));
  t.same([exact.text('utf8'), exact.isTruncated], ['abc', false]);

  const poor = new KeptOutput(2000, budgetOf(1000));
  poor.add(Buffer.alloc(900, 'a'));
  poor.add(Buffer.alloc(200, 'b'));
  poor.add(Buffer.from('c'));
  t.same([poor.text('utf8'), poor.isTruncated], ['a'.repeat(900), true], 'the budget has no room for the second piece');
});

t.test('control characters, which take more as JSON, end an output earlier', async (t) => {
  const kept = new KeptOutput(16 * 2 ** 20, budgetOf(2 ** 30));
  for (let piece = 0; piece < 256; piece += 1) kept.add(Buffer.alloc(64 * 1024));
  t.equal(kept.isTruncated, true);
  t.ok(JSON.stringify(kept.text('utf8')).length <= 28 * 2 ** 20 + 2);
});
