/** Broker, gRPC with mTLS, node agent's tunnels, Unix sockets and guest streams as they are, joined without the rest of the three programs. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { Budgets } from '../../../../controller/services/budget/budgets.ts';
import { ByteStreams, type StreamRequest } from '../../../../controller/services/streams/byte-streams.ts';
import { socketDialer } from '../../../../guest/host/socket-dialer.ts';
import { type GuestStreamDeps, GuestStreams } from '../../../../guest/streams/guest-streams.ts';
import type { StreamKinds } from '../../../../guest/streams/stream-kinds.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { Sockets } from '../../../../node-agent/guests/sockets.ts';
import { Tunnels } from '../../../../node-agent/streams/tunnels.ts';
import type { OpenStream__Output as OpenStream } from '../../../../proto/generated/raworc/v0/OpenStream.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { silentLog, startRig } from '../grpc/wire-rig.ts';

const NODE = 'a0000000-0000-4000-8000-000000000001' as NodeId;
export const OTHER_NODE = 'a0000000-0000-4000-8000-000000000002' as NodeId;

export interface StreamPath {
  readonly broker: ByteStreams;
  readonly tunnels: Tunnels;
  readonly guest: GuestStreams;
  readonly session: { readonly id: SessionId; readonly nodeId: NodeId; readonly generation: number };
  /** What was announced to the node, newest last. */
  readonly announced: OpenStream[];
  /** Another node, with a certificate of its own. */
  readonly other: ReturnType<typeof grpcDialer>;
  /** Open anywhere on the way. */
  left(): number;
  /** The node agent is killed: its sockets and connections are closed by the kernel. */
  killNodeAgent(): Promise<void>;
  killController(): Promise<void>;
  killGuest(): void;
  open(kind: string, request?: Partial<StreamRequest>, signal?: AbortSignal): ReturnType<ByteStreams['start']>;
  close(): Promise<void>;
}

export async function streamPath(kinds: StreamKinds, relays: GuestStreamDeps['relays'] = {}): Promise<StreamPath> {
  const clock = systemClock;
  const session = { id: randomUUID() as SessionId, nodeId: NODE, generation: 1 };
  const announced: OpenStream[] = [];
  const broker = new ByteStreams({
    ...{ clock, random: systemRandom, budgets: new Budgets({ clock }) },
    send(nodeId, frame) {
      if (nodeId !== NODE || frame.kind !== 'openStream') return false;
      announced.push(frame.value);
      clock.soon(() => tunnels.start(frame.value));
      return true;
    },
  });
  const rig = await startRig({ streams: broker });
  const [own, foreign] = await Promise.all([rig.node(NODE), rig.node(OTHER_NODE)]);
  const dialer = grpcDialer({ identity: () => own, clock, log: silentLog });
  const other = grpcDialer({ identity: () => foreign, clock, log: silentLog });
  const directory = await mkdtemp('/tmp/rs-');
  const sockets = new Sockets({ runDirectory: join(directory, 'run'), clock, log: silentLog });
  const tunnels = new Tunnels({
    ...{ clock, log: silentLog },
    dial: (signal) => dialer.stream(signal),
    announce(open) {
      clock.soon(() => guest.start(open));
      return true;
    },
    refuse: (refusal) => clock.soon(() => broker.refused(NODE, refusal)),
  });
  sockets.onStream((sessionId, link) => tunnels.guest(sessionId, link));
  const guestDialer = socketDialer(join(await sockets.open(session.id), 'guest.sock'), clock);
  const guest = new GuestStreams({
    ...{ sessionId: session.id, clock, log: silentLog, kinds, relays },
    connect: () => guestDialer.stream?.() ?? Promise.reject(new Error('no further connection')),
    refuse: (refusal) => clock.soon(() => tunnels.refused(session.id, refusal)),
  });
  return {
    ...{ broker, tunnels, guest, session, announced, other },
    left: () => broker.open + tunnels.open + guest.open,
    async killNodeAgent() {
      dialer.close();
      tunnels.close();
    },
    killController: () => rig.close(),
    killGuest: () => guest.close(),
    open: (kind, request = {}, signal) => broker.start(session, { kind, parameters: {}, ...request }, signal),
    async close() {
      broker.close();
      tunnels.close();
      guest.close();
      dialer.close();
      other.close();
      await sockets.closeAll();
      await rig.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
