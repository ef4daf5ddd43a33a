/** The node agent as a process of its own, on an engine that only pretends: for tests of what a process is. */

import { parseFlags } from '../../node-agent/flags.ts';
import { run } from '../../node-agent/run.ts';
import { setTlsDefaults } from '../../proto/tls-defaults.ts';
import { print } from '../../seams/print.ts';
import { jsonLog, systemClock, systemRandom } from '../../seams/system.ts';
import { HollowHost } from './hollow.ts';

setTlsDefaults();
const parsed = parseFlags(process.argv.slice(2));
if (!parsed.ok) throw new Error(parsed.problem);
const log = jsonLog('node', 'info');
const host = new HollowHost({ clock: systemClock, random: systemRandom });
const engine = async () => ({ driver: host, listener: host });
process.exit(
  await run(parsed.flags, process.env, log, engine).catch((error: unknown) => {
    print(String(error), 'stderr');
    return 1;
  }),
);
