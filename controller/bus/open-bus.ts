import type { Log } from '../../seams/log.ts';
import type { News } from '../services/events/news.ts';
import type { Bus, BusOptions } from './bus.ts';
import { localBus, localNews } from './local.ts';
import { NatsBus } from './nats.ts';
import { newsOnBus } from './news.ts';

/**
 * Opens the bus at that URL (`nats://` or `tls://`, with `user:password@` or `token@` if the server
 * requires it); without a URL, a bus with no other subscribers.
 */
export function openBus(url: string | undefined, options: BusOptions): Bus {
  return isNone(url) ? localBus() : new NatsBus(url, options);
}

/** Opens news over the bus at that URL. */
export const openNews = (url: string | undefined, bus: Bus, log: Log): News => (isNone(url) ? localNews : newsOnBus(bus, log));

const isNone = (url: string | undefined): url is undefined | '' => url === undefined || url === '';
