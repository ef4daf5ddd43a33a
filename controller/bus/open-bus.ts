import type { Bus, BusOptions } from './bus.ts';
import { InProcessBus } from './in-process.ts';
import { NatsBus } from './nats.ts';

/** The bus at that URL (`nats://` or `tls://`, with `user:password@` or `token@` where the server asks for it), or one within this process. */
export function openBus(url: string | undefined, options: BusOptions): Bus {
  return url === undefined || url === '' ? new InProcessBus(options) : new NatsBus(url, options);
}
