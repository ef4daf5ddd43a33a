import { change, resume } from '../changes.ts';
import type { Client } from '../client.ts';
import { COMMANDS } from '../commands.ts';

const LOOK_MS = 200;
const LOOKS = 100;

/** Does something to a session, or to a process on the way to it, once the program of a use has started. */
export function disturb(client: Client, useId: string, sessionId: string): void {
  const { cluster, book } = client;
  const random = client.random.fork(`disturbance of ${useId}`);
  const { time, auditors } = cluster;
  const afterMs = random.mostlySmall(0, 5_000);
  const what = random.weighted({ pause: 4, suspend: 4, resume: 1, remove: 2, guest: 4, node: 3, controller: 3 });
  const act = () => {
    const machine = cluster.machines.find(({ id }) => id === cluster.chronicle.sessions.get(sessionId)?.nodeId);
    const fact = [...book.sessions.values()].find(({ id }) => id === sessionId);
    cluster.trace.note(client.name, `${what} beneath ${useId}`);
    if (what === 'controller') {
      cluster.killController();
      time.schedule(random.mostlySmall(100, 4_000), () => cluster.startController());
    } else if (what === 'node') {
      machine?.killAgent();
      time.schedule(random.mostlySmall(100, 4_000), () => machine?.startAgent());
    } else if (what === 'guest') {
      if (machine?.guests.has(sessionId) === true) machine.host.end(sessionId);
    } else if (fact !== undefined) {
      if (what === 'remove') void COMMANDS.remove(client, fact);
      else if (what === 'resume') void resume(client, fact);
      else void change(what)(client, fact);
    }
  };
  const look = (left: number) => {
    if (auditors.uses.runOf(useId) !== undefined) time.schedule(afterMs, act);
    else if (left > 0) time.schedule(LOOK_MS, () => look(left - 1));
  };
  look(LOOKS);
}
