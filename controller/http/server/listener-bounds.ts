import type { Server } from 'node:http';
import type { HttpApp } from '../app.ts';
import { judgeByProgress, trustBody, watchBodies } from './body-deadlines.ts';
import type { Connections } from './connections.ts';

/** The bounds of this listener for another one: both count together. */
export const listenerBounds = ({ connections, clock }: Pick<HttpApp, 'connections' | 'clock'>) => ({
  attach(server: Server): void {
    watchBodies(server, clock);
    connections.attach(server);
  },
  admitted: (...connection: Parameters<Connections['admitted']>) => connections.admitted(...connection),
  judgeByProgress,
  trustBody,
});
