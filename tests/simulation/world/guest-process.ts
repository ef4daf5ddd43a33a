import { Guest } from '../../../guest/guest.ts';
import type { HostDialer } from '../../../guest/host/dialer.ts';
import { ProcessTable } from '../../../guest/processes/process-table.ts';
import { execStream } from '../../../guest/streams/exec.ts';
import { portsStream } from '../../../guest/streams/port.ts';
import { processesStream, processStream } from '../../../guest/streams/processes.ts';
import { EXEC } from '../../../proto/streams/exec-stream.ts';
import { PORTS } from '../../../proto/streams/port-stream.ts';
import { PROCESS, PROCESSES } from '../../../proto/streams/process-stream.ts';
import type { Disk } from '../../../seams/disk.ts';
import { simulatedAgents } from './agents.ts';
import { ProcessClock, type WallClock } from './clock.ts';
import { Life } from './life.ts';
import type { SeededRandom } from './random.ts';
import { simulatedModel } from './router.ts';
import { NUMBERED } from './stream-kinds.ts';
import { barriersAt, type Surroundings } from './surroundings.ts';
import { pretendedPrograms, socketTable } from './uses/programs.ts';

export interface GuestOptions {
  readonly around: Surroundings;
  readonly name: string;
  readonly machine: string;
  readonly sessionId: string;
  readonly wall: WallClock;
  readonly random: SeededRandom;
  /** The marks on its volume. */
  readonly marks: Set<string>;
  readonly disk: (life: Life) => Disk;
  readonly dialer: (life: Life) => HostDialer;
  /** Called when the container's main process exits by itself. */
  readonly ended: (life: Life) => void;
}

const MAILBOX_BYTES = 8 * 1024;

/** The production guest as the main process of one run of a container. */
export function startGuest(options: GuestOptions): Life {
  const { around, name, machine, sessionId, random } = options;
  const life = new Life(name);
  const clock = new ProcessClock(around.time, life, options.wall);
  life.atDeath(() => around.chronicle.guestKilled(sessionId, name));
  const programs = pretendedPrograms({ around, life, clock, machine, sessionId });
  let opened: Guest | undefined;
  const table = new ProcessTable({ clock, start: programs.startKept, keepingAwake: (count) => opened?.keepAwake(count) });
  const opening = clock.after(random.between(30, 300), () => {
    Guest.open({
      ...{
        sessionId,
        clock,
        random,
        log: around.trace.log(name),
        version: 'sim',
        directory: '/session/.raworc',
        mailboxBytes: MAILBOX_BYTES,
      },
      disk: options.disk(life),
      dialer: options.dialer(life),
      barriers: barriersAt(around, { life, machine, sessionId }),
      streams: {
        ...NUMBERED,
        [EXEC]: execStream(programs.start, clock),
        [PROCESSES]: processesStream(table),
        [PROCESS]: processStream(table),
        [PORTS]: portsStream(async () => [socketTable(around.auditors.uses.portsIn(life))], clock),
      },
      workers: simulatedAgents({ around, life, clock, random, machine, sessionId, marks: options.marks }),
      model: simulatedModel({ around, life, clock, random: random.fork('model'), machine, sessionId }),
    })
      .then((guest) => {
        opened = guest;
        around.auditors.uses.guests.set(life, {
          machine,
          get openStreams() {
            return guest.openStreams;
          },
        });
        return guest.run();
      })
      .catch((fault: unknown) => {
        around.trace.note(name, `ends: ${fault instanceof Error ? fault.message : String(fault)}`);
        if (!life.isDead) options.ended(life);
      });
  });
  life.atDeath(() => opening.cancel());
  return life;
}
