/** `raworc-node-agent install`: writes the systemd unit of this node agent and starts it. */
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { hasSystemd } from '../../systemd/install.ts';
import { configured, refuse } from '../configured.ts';
import { loadIdentity } from '../identity/identity.ts';
import { installOwn, ownUnit } from './service.ts';

function fail(problem: string): never {
  print(`raworc-node-agent: ${problem}`, 'stderr');
  process.exit(1);
}

const args = process.argv.slice(2);
const isPrinted = args.includes('--print');
const { flags, given, file } = configured(args.filter((arg) => arg !== '--print'));

function unit(): string {
  try {
    return ownUnit(given, file, !isPrinted);
  } catch (error) {
    return refuse(messageOf(error));
  }
}

const text = unit();
if (isPrinted) print(text.trimEnd());
else if ((await loadIdentity(flags.dataDirectory)) === undefined) fail('this host has not joined a cluster. Use `raworc-node-agent join`');
else if (!hasSystemd()) fail('systemd does not manage this machine. Run `raworc-node-agent run` under your own supervisor');
else
  await installOwn(text).then(
    (path) => print(`The node agent runs. Its unit is ${path}, its log: journalctl -u raworc-node-agent`),
    (error: unknown) => fail(`${messageOf(error)}. See journalctl -u raworc-node-agent`),
  );
