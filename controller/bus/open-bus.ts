import type { Log } from '../../seams/log.ts';
import type { News } from '../services/events/news.ts';
import type { Bus, BusOptions } from './bus.ts';
import { localBus, localNews } from './local.ts';
import { NatsBus } from './nats.ts';
import type { NatsAccess } from './nats-access.ts';
import { newsOnBus } from './news.ts';

/** Opens the bus over NATS, or without it a bus with no other subscribers. */
export const openBus = (nats: NatsAccess | undefined, options: BusOptions): Bus =>
  nats === undefined ? localBus() : new NatsBus(nats, options);

/** Opens news over that bus. */
export const openNews = (nats: NatsAccess | undefined, bus: Bus, log: Log): News => (nats === undefined ? localNews : newsOnBus(bus, log));
