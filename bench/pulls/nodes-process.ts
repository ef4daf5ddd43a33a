/** Nodes that pull or push, apart from the client that is measured. Forked by pulls.ts. */
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import { startHollowNode } from '../../tests/contract/hollow-node.ts';
import { runWhenIdle } from '../../tests/idle-process.ts';
import { silent } from '../../tests/unit/controller/core.ts';
import { discardingTransfer } from './transfer.ts';

const orders = z.object({
  names: z.array(z.string()),
  tokens: z.array(z.string()),
  directory: z.string(),
  image: z.string(),
  hasImage: z.boolean(),
  imageBytes: z.number(),
});

runWhenIdle();
process.on('disconnect', () => process.exit());
process.once('message', (message) => {
  const { names, tokens, directory, image, hasImage, imageBytes } = orders.parse(message);
  const start = async (name: string, index: number) => {
    const node = await startHollowNode({
      ...{ name, image, hasImage, log: silent, token: tokens[index] ?? '', directory: join(directory, name) },
      transfer: (host, dial) =>
        discardingTransfer({
          ...{ dial, imageBytes },
          pulled(pulledImage, bytes) {
            host.addImage(pulledImage);
            process.send?.({ pulled: name, bytes });
          },
        }),
    });
    node.ended.then(
      (end) => process.send?.({ ended: end }),
      () => undefined,
    );
  };
  void (async () => {
    for (const [index, name] of names.entries()) await start(name, index);
    process.send?.({ ready: names.length });
  })();
});
