import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { PacedResponse } from '../../../../controller/http/files/send-content.ts';
import { HandClock } from '../../hand-clock.ts';

t.test('an event stream says that it lives after 15 s of silence, and content never does', async (t) => {
  const clock = new HandClock();
  const response = new PassThrough();
  const paced = new PacedResponse(response as unknown as ServerResponse, clock);
  clock.sleep(60_000);
  paced.ping();
  t.equal(response.read(), null, 'not in the content of a file');
  paced.beginEvents();
  await paced.write('event: ready\n\n');
  clock.sleep(14_000);
  paced.ping();
  t.equal(String(response.read()), 'event: ready\n\n');
  clock.sleep(1000);
  paced.ping();
  t.match(String(response.read()), /^:[^\n]*\n\n$/, 'a comment');
  paced.ping();
  t.equal(response.read(), null, 'once in 15 s');
  response.end();
  clock.sleep(15_000);
  paced.ping();
  t.equal(response.read(), null, 'and not after the end');
});
