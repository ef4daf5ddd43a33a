/** Reads a command's output by the SDK, as a program of its own. Forked by exec.ts; `bounded` has it collect garbage as the CLI does. */
import process from 'node:process';
import { z } from 'zod';
import { Raworc } from '../../sdk/raworc.ts';
import { streamOpened } from '../../seams/garbage.ts';

const order = z.object({ url: z.string(), token: z.string(), session: z.string(), argv: z.array(z.string()) });

if (process.argv[2] === 'bounded') streamOpened();
process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  const { url, token, session, argv } = order.parse(message);
  void read(new Raworc({ url, token }), session, argv).then((bytes) => process.send?.({ bytes }));
});

async function read(raworc: Raworc, session: string, argv: string[]): Promise<number> {
  let bytes = 0;
  for await (const part of raworc.exec(session, { argv })) if (part.kind === 'stdout') bytes += part.bytes.byteLength;
  return bytes;
}
