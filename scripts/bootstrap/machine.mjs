import { readFileSync } from 'node:fs';

/** Returns why this machine cannot run the command and what to do about it, or undefined. */
export function machineProblem({ name, rest, needsRoot }) {
  if (Number(process.versions.node.split('.')[0]) < 18) {
    return { what: `Node.js ${process.versions.node} is too old`, remedy: 'install Node.js 18 or newer: apt-get install nodejs npm' };
  }
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    return {
      what: `Raworc runs on Linux on x64 or arm64, and this is ${process.platform} on ${process.arch}`,
      remedy: 'use such a machine, for example a virtual machine with Debian 12',
    };
  }
  if (!needsRoot) return undefined;
  if (process.getuid?.() !== 0) return { what: 'Nodes run containers, which needs root', remedy: rootLine(name, rest) };
  let release = '';
  try {
    release = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // An unknown system.
  }
  if (/^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) || process.env.RAWORC_ANY_SYSTEM === '1') return undefined;
  return {
    what: `${/^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? 'This system'} is not Debian or Ubuntu, so missing programs cannot be installed`,
    remedy: 'install Docker (API 1.41 or newer), iptables, nftables, nats-server and mmdebstrap, then set RAWORC_ANY_SYSTEM=1',
  };
}

/**
 * The line to type. Some old versions of npm drop root for the owner of the directory, so behind
 * sudo npm is left out.
 */
function rootLine(name, rest) {
  const words = rest.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
  const run = process.env.SUDO_UID === undefined ? `npm ${name === 'test' ? '' : 'run '}${name}` : `node scripts/bootstrap.mjs ${name}`;
  const separator = process.env.SUDO_UID === undefined && words ? ' --' : '';
  return `sudo env "PATH=$PATH" ${run}${separator}${words && ` ${words}`}`;
}
