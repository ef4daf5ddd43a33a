/**
 * The process that checks and repacks uploaded archives, one at a time. checker.ts forks it, and it
 * exits with the controller.
 */
import { createReadStream } from 'node:fs';
import { flushCompileCache } from 'node:module';
import process from 'node:process';
import { boundBufferGarbage } from '../../../seams/garbage.ts';
import { systemDisk } from '../../../seams/system.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import { checkSource, SOURCE_LIMITS } from '../../services/agents/source-check.ts';
import { type CheckRequest, CLAIM_STEP_BYTES, type FromChecker, type ToChecker } from './messages.ts';

const READ_AT_ONCE_BYTES = 256 * 1024;

/** The process does nothing but read and write pieces of archives. */
const GARBAGE_SEMI_SPACE_MIB = 1;
boundBufferGarbage(GARBAGE_SEMI_SPACE_MIB);
// At its end Node.js would write it, but this process is killed.
flushCompileCache();

const send = (message: FromChecker) => process.send?.(message);
let answerClaim: (claimed: Outcome<unknown>) => void = () => undefined;

/** Asks the controller for disk space. */
function claim(bytes: number): Promise<Outcome<unknown>> {
  return new Promise((resolve) => {
    answerClaim = resolve;
    send({ claim: bytes });
  });
}

function claimedInSteps() {
  let grantedBytes = 0;
  return async (bytes: number): Promise<Outcome<unknown>> => {
    if (grantedBytes < bytes) {
      const step = Math.max(bytes, CLAIM_STEP_BYTES);
      const claimed = await claim(step);
      if (!claimed.ok) return claimed;
      grantedBytes += step;
    }
    grantedBytes -= bytes;
    return accepted(undefined);
  };
}

async function check({ uploadPath, ...paths }: CheckRequest): Promise<void> {
  const upload = createReadStream(uploadPath, { highWaterMark: READ_AT_ONCE_BYTES });
  try {
    const claims = { packed: () => accepted(undefined), spooled: claimedInSteps() };
    send({ checked: await checkSource(upload, systemDisk, paths, SOURCE_LIMITS, claims) });
  } catch (fault) {
    const message = fault instanceof Error ? fault.message : String(fault);
    const code = fault instanceof Error && 'code' in fault && typeof fault.code === 'string' ? { code: fault.code } : {};
    send({ fault: { message, ...code } });
  }
}

process.on('message', (message: ToChecker) => {
  if ('check' in message) void check(message.check);
  else answerClaim(message.claimed);
});
process.on('disconnect', () => process.exit(0));
