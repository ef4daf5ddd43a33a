import { createHash } from 'node:crypto';
import process from 'node:process';

/**
 * The packages of a session image. The guest and its Node.js are mounted, and builds add agents.
 */
export const sessionPackages: readonly string[] = ['python3', 'python3-venv', 'git', 'ca-certificates', 'procps'];

/** The user of agents, whose id node-agent and guest use. */
const agentUser = { name: 'agent', id: 10_001 };

/**
 * Runs last in the new system: trusts certificates, names the agents' user, removes leftovers, and compiles Python's own modules
 * (12 MB). Sessions and builds cannot write there: each of their processes would compile what it imports.
 */
export const finishScript = `set -eu
if [ -d /raworc-setup/trust ]; then
  cp /raworc-setup/trust/*.crt /usr/local/share/ca-certificates/
  update-ca-certificates >/dev/null 2>&1
fi
grep -q '^${agentUser.name}:' /etc/passwd || echo '${agentUser.name}:x:${agentUser.id}:${agentUser.id}::/session/state:/bin/sh' >> /etc/passwd
grep -q '^${agentUser.name}:' /etc/group || echo '${agentUser.name}:x:${agentUser.id}:' >> /etc/group
mkdir -p /session /opt/raworc/agents
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* /tmp/* /raworc-setup
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian
find / -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
python3 -m compileall -q /usr/lib/python3.*
`;

/** Runs in a public base image (Debian or Ubuntu). */
export const installScript = `set -eu
export DEBIAN_FRONTEND=noninteractive
trust=; [ -d /raworc-setup/trust ] && cat /raworc-setup/trust/*.crt > /raworc-setup/all.pem && trust='-o Acquire::https::CaInfo=/raworc-setup/all.pem'
apt-get $trust -o Acquire::Retries=2 update -qq
apt-get $trust -o Acquire::Retries=2 install -y -qq --no-install-recommends ${sessionPackages.join(' ')}
sh /raworc-setup/finish.sh
`;

export function dockerfile(baseImage: string): string {
  // The first label marks every layer, including those of an interrupted build.
  return `FROM ${baseImage}
LABEL raworc.managed=true
COPY raworc-setup /raworc-setup
RUN sh /raworc-setup/install.sh
${settings.join('\n')}
`;
}

/** The image's settings as Dockerfile instructions, which `docker import` takes too. */
export const settings: readonly string[] = [
  'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8',
  'CMD ["/bin/sh"]',
  'LABEL raworc.managed=true raworc.image=base',
];

/** Returns the files that both ways of making the image need, by path. */
export function setupFiles(certificates: readonly string[]): readonly (readonly [path: string, content: string])[] {
  const trusted = certificates.map((certificate, index) => [`raworc-setup/trust/raworc-${index}.crt`, certificate] as const);
  return [['raworc-setup/finish.sh', finishScript], ...trusted];
}

/**
 * Returns the tag of the image, which depends on the recipe, the base image and the certificates.
 */
export function sessionTag(baseImage: string, certificates: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of [process.arch, dockerfile(baseImage), installScript, finishScript, ...certificates]) hash.update(part).update('\0');
  return `raworc/session:${hash.digest('hex').slice(0, 12)}`;
}
