import type { Readable } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';
import type { Disk } from '../../../seams/disk.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { SourceClaim } from '../../services/agents/source-store.ts';
import type { ByteTurns } from '../../services/budget/byte-turns.ts';
import { MinimumPace } from './minimum-pace.ts';

export interface UploadFileDeps {
  readonly disk: Disk;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly turns: Pick<ByteTurns, 'wait'>;
}

/** Large, because each write is a round trip to the thread pool. */
const WRITE_AT_ONCE_BYTES = 256 * 1024;

/**
 * Writes a body to a file as it arrives. 408 if the client sends too slowly. Rejects if the body
 * ends early. The caller deletes the file.
 */
export async function saveUpload(
  body: Readable,
  path: string,
  maxBytes: number,
  claim: Pick<SourceClaim, 'packed' | 'spooled'>,
  { disk, clock, turns }: UploadFileDeps,
): Promise<Outcome<undefined>> {
  const pace = new MinimumPace(clock, () => body.destroy());
  pace.wait();
  const file = await disk.open(path).finally(() => pace.stop());
  // One reused buffer: chunks that outlive a turn cause collections of the whole heap.
  const gathered = Buffer.allocUnsafeSlow(WRITE_AT_ONCE_BYTES);
  let gatheredBytes = 0;
  let position = 0;
  const write = async () => {
    const claimed = await claim.spooled(gatheredBytes);
    if (!claimed.ok) return claimed;
    await file.write(position, gathered.subarray(0, gatheredBytes));
    position += gatheredBytes;
    gatheredBytes = 0;
    return accepted(undefined);
  };
  try {
    pace.wait();
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('a body returned a chunk that is not bytes');
      pace.came(chunk.byteLength);
      if (position + gatheredBytes + chunk.byteLength > maxBytes) return tooLarge(maxBytes);
      const claimed = claim.packed(chunk.byteLength);
      if (!claimed.ok) return claimed;
      await turns.wait(chunk.byteLength);
      for (let from = 0; from < chunk.byteLength; ) {
        const copied = chunk.copy(gathered, gatheredBytes, from);
        from += copied;
        gatheredBytes += copied;
        if (gatheredBytes < WRITE_AT_ONCE_BYTES) break;
        const written = await write();
        if (!written.ok) return written;
      }
      pace.wait();
    }
    return await write();
  } catch (fault) {
    const slow = pace.refusal;
    if (slow === undefined) throw fault;
    return slow;
  } finally {
    pace.stop();
    await file.close();
  }
}

const tooLarge = (most: number) =>
  refused('PAYLOAD_TOO_LARGE', `The archive is too large (packed): at most ${most / (1024 * 1024)} MiB.`, { what: 'packed', most });
