/** Encodes the node agent's own types as frames of the node protocol. */
import type { Report__Output as WireReport } from '../../proto/generated/raworc/node/v0/Report.ts';
import type { Status } from '../session/status.ts';

/** Maximum length of a failure, which can quote the engine. The controller accepts 8 KiB. */
const REASON_CHARACTERS = 2_000;

export function encodeReport(
  { sessionId, generation, phase, containerId, volume, reason, isolation }: Status,
  { boot, number }: { readonly boot: number; readonly number: number },
  guest: { readonly acceptedSeq: number; readonly life: number },
): WireReport {
  const isAcceptedKnown = phase === 'RUNNING' || phase === 'SUSPENDED';
  return {
    sessionId,
    generation,
    phase,
    boot,
    number,
    containerId,
    volume,
    reason: reason.length > REASON_CHARACTERS ? `${reason.slice(0, REASON_CHARACTERS)}…` : reason,
    acceptedSeq: isAcceptedKnown ? guest.acceptedSeq : 0,
    life: phase === 'RUNNING' ? guest.life : 0,
    isolation,
  };
}
