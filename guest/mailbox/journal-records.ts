/**
 * Records of the guest's journal: frames of the guest protocol after a byte for their direction.
 * The hello is the journal's stamp (session and life) and its watermark.
 */
import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import { guestFrames, hostFrames } from '../../proto/lean-codec.ts';
import { ProtocolError } from '../../proto/protocol-error.ts';
import { GUEST_PROTOCOL_VERSION } from '../../proto/versions.ts';

const FROM_GUEST = 0x67;
const FROM_HOST = 0x68;

function recordOf(direction: number, frame: Buffer): Uint8Array {
  return Buffer.concat([Buffer.from([direction]), frame]);
}

export const stampRecord = (sessionId: string, acceptedSeq: number, life: number) =>
  recordOf(
    FROM_GUEST,
    guestFrames.encode({
      kind: 'hello',
      value: {
        protocolVersion: GUEST_PROTOCOL_VERSION,
        guestVersion: '',
        sessionId,
        acceptedSeq,
        unsettled: 0,
        life,
        streams: true,
        cancels: true,
      },
    }),
  );
export const messageRecord = (value: Deliver) => recordOf(FROM_HOST, hostFrames.encode({ kind: 'deliver', value }));
export const runRecord = (sessionId: string, messageId: string, runId: string, agent: string, hop: Hop | null = null) =>
  recordOf(FROM_GUEST, guestFrames.encode({ kind: 'runStarted', value: { sessionId, generation: 0, messageId, runId, agent, hop } }));
export const answerRecord = (value: Answer) => recordOf(FROM_GUEST, guestFrames.encode({ kind: 'answer', value }));
export const settledRecord = (sessionId: string, messageId: string) =>
  recordOf(FROM_HOST, hostFrames.encode({ kind: 'settled', value: { sessionId, messageId, upToSeq: 0 } }));

/** Throws {@link ProtocolError} for a record of another version. */
export function readRecord(record: Uint8Array): GuestFrame | HostFrame {
  const frame = record.subarray(1);
  if (record[0] === FROM_GUEST) return guestFrames.decode(frame);
  if (record[0] === FROM_HOST) return hostFrames.decode(frame);
  throw new ProtocolError('a journal record of an unknown kind: another version of the guest wrote it');
}
