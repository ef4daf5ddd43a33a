import { readFileSync } from 'node:fs';

const oldestNode = 18;

/** What is wrong with this machine, in one line with its remedy; undefined when all is well. */
export function machineProblem({ name, rest, needsRoot }) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < oldestNode) {
    return {
      what: `Node.js ${process.versions.node} is too old`,
      remedy: `install Node.js ${oldestNode} or newer, for example: apt-get install nodejs npm`,
    };
  }
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    return {
      what: `Raworc runs on Linux on x64 or arm64, and this is ${process.platform} on ${process.arch}`,
      remedy: 'use such a machine, or a virtual one with Debian 12',
    };
  }
  if (!needsRoot) return undefined;
  // Root first: without it nothing can be done on any system.
  if (process.getuid?.() !== 0) return { what: 'Nodes run containers, which needs root', remedy: rootLine(name, rest) };
  const system = distribution();
  if (!system.supported) {
    return {
      what: `${system.name} is not Debian or Ubuntu, so nothing can be installed on it for you`,
      remedy: 'install Docker (API 1.41 or newer), iptables, nats-server and debootstrap yourself, then set RAWORC_ANY_SYSTEM=1',
    };
  }
  return undefined;
}

/** The exact line to type. Some old npm drop root for the owner of the directory, so behind sudo npm is left out. */
function rootLine(name, rest) {
  const words = rest.map(quoted).join(' ');
  if (process.env.SUDO_UID !== undefined) return `sudo env "PATH=$PATH" node scripts/bootstrap.mjs ${name}${words && ` ${words}`}`;
  const run = name === 'test' ? 'npm test' : `npm run ${name}`;
  return `sudo env "PATH=$PATH" ${run}${words && ` -- ${words}`}`;
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function distribution() {
  let text = '';
  try {
    text = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // No such file: an unknown system.
  }
  const field = (key) => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const family = [field('ID'), ...field('ID_LIKE').split(' ')];
  const supported = family.includes('debian') || family.includes('ubuntu') || process.env.RAWORC_ANY_SYSTEM === '1';
  return { name: field('PRETTY_NAME') || 'This system', supported };
}
