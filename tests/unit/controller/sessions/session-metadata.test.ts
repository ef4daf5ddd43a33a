import t from 'tap';
import { createSession, remixSession, updateSession } from '../../../../controller/contract/sessions.ts';

t.test('metadata of a session have a bound in bytes, since each event of its state holds them', (t) => {
  const of = (bytes: number) => ({ metadata: { of: 'é'.repeat((bytes - 9) / 2) } });
  for (const schema of [createSession, updateSession, remixSession]) {
    t.equal(Buffer.byteLength(JSON.stringify(of(65_535).metadata)), 65_535);
    t.match(schema.safeParse(of(65_535)), { success: true });
    t.match(schema.safeParse(of(65_537)), {
      success: false,
      error: { issues: [{ path: ['metadata'], message: 'must have at most 65536 bytes as JSON' }] },
    });
  }
  t.end();
});
