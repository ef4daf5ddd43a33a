import { STOCK_WORKSTATION } from '../../../../proto/images/workstation-recipe.ts';

/** What an image of workstations is made from. */
export interface Recipe {
  /** Docker's name of the image to begin with. */
  readonly from: string;
  readonly files: readonly (readonly [path: string, content: string])[];
  /** Whether it gets the Node.js and npm of the node agent. */
  readonly hasPrograms: boolean;
}

/** The stock image: what people expect of a computer. Debian's own Node.js is too old for what people create with it today. */
const PACKAGES = [
  ...['bash', 'bash-completion', 'build-essential', 'ca-certificates', 'curl', 'file', 'git', 'iproute2', 'iputils-ping', 'jq', 'less'],
  ...['locales', 'lsof', 'nano', 'netcat-openbsd', 'openssh-client', 'procps', 'psmisc', 'python3', 'python3-dev'],
  ...['python3-pip', 'python3-venv', 'rsync', 'sudo', 'tmux', 'tree', 'unzip', 'vim', 'wget', 'xz-utils', 'zip'],
];

/** Directories that people and programs expect directly below the root, where none can be created later. */
const PLACES = ['app', 'code', 'data', 'logs', 'nix', 'output', 'repo', 'testbed', 'tests', 'work', 'workspace'].map((name) => `/${name}`);

/** What the operator's certificates are called while the image is made. */
const CERTIFICATES = '/raworc-setup/certificates.pem';

/** Mirrors with a password in their URL serve this script, and are not left in the image. */
const MIRROR = `lists=
RAWORC_APT_URL=\${RAWORC_APT_URL:-\${FTP_PROXY:-}}
unset FTP_PROXY
if [ -n "\${RAWORC_APT_URL:-}" ]; then
  . /etc/os-release
  case $RAWORC_APT_URL in *@*) lists=$(mktemp -d); cp -a /etc/apt/sources.list* "$lists"/ ;; esac
  rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
  echo "deb $RAWORC_APT_URL $VERSION_CODENAME main" > /etc/apt/sources.list
fi
`;

const INSTALL = `export DEBIAN_FRONTEND=noninteractive
${MIRROR}options='-o Acquire::Retries=2'
if [ -s ${CERTIFICATES} ]; then options="$options -o Acquire::https::CaInfo=${CERTIFICATES}"; fi
apt-get $options update -qq
apt-get $options install -y -qq --no-install-recommends ${PACKAGES.join(' ')}
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
if [ -n "$lists" ]; then rm -f /etc/apt/sources.list; cp -a "$lists"/. /etc/apt/; fi
`;

/**
 * What the operator set for builds also serves installs in a workstation: the certificates, each in a
 * file of its own as update-ca-certificates wants them, and the mirrors.
 */
const OPERATOR = `if [ -s ${CERTIFICATES} ] && command -v update-ca-certificates > /dev/null; then
  awk -v to=/usr/local/share/ca-certificates/operator- '
    /-----BEGIN CERTIFICATE-----/ { text = ""; inside = 1 }
    inside { text = text $0 "\\n" }
    /-----END CERTIFICATE-----/ { inside = 0; if (text in known) next; known[text] = 1
      if (FILENAME != ARGV[1]) { file = to (++count) ".crt"; printf "%s", text > file; close(file) } }
  ' /etc/ssl/certs/ca-certificates.crt ${CERTIFICATES}
  update-ca-certificates > /dev/null 2>&1
fi
has() { case $1 in ''|*@*) return 1 ;; esac; }
if command -v pip3 > /dev/null; then
  # Installs for all, as people do on a computer that is theirs alone.
  printf '[global]\\nbreak-system-packages = true\\n' > /etc/pip.conf
  if [ -s ${CERTIFICATES} ]; then echo 'cert = /etc/ssl/certs/ca-certificates.crt' >> /etc/pip.conf; fi
  if has "\${PIP_INDEX_URL:-}"; then echo "index-url = $PIP_INDEX_URL" >> /etc/pip.conf; fi
  if has "\${PIP_INDEX_URL:-}" && [ -n "\${PIP_TRUSTED_HOST:-}" ]; then echo "trusted-host = $PIP_TRUSTED_HOST" >> /etc/pip.conf; fi
fi
if command -v npm > /dev/null; then
  settings=$(npm config get globalconfig)
  mkdir -p "\${settings%/*}"
  if [ -s ${CERTIFICATES} ]; then echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >> "$settings"; fi
  if has "\${npm_config_registry:-}"; then echo "registry=$npm_config_registry" >> "$settings"; fi
fi
`;

/**
 * The account \`user\`, with sudo if there is sudo; its id becomes the session's at the first start.
 * /usr/local and the places of projects are writable by all, and a login keeps the PATH.
 */
const FINISH = `mkdir -p ${PLACES.join(' ')} /session /root /home /opt/raworc/guest /etc/profile.d
chmod 1777 ${PLACES.join(' ')}
if ! grep -q '^user:' /etc/passwd; then
  shell=/bin/sh; [ -x /bin/bash ] && shell=/bin/bash
  echo "user:x:1000:1000::/home/user:$shell" >> /etc/passwd
  grep -q '^user:' /etc/group || echo 'user:x:1000:' >> /etc/group
  mkdir -p /home/user
  [ -d /etc/skel ] && cp -a /etc/skel/. /home/user/
  chown -R 1000:1000 /home/user
fi
# To sudo, an account without a line here is locked. No password fits.
if [ -e /etc/shadow ] && ! grep -q '^user:' /etc/shadow; then echo 'user:*:19000:0:99999:7:::' >> /etc/shadow; fi
if [ -d /etc/sudoers.d ]; then
  echo 'user ALL=(ALL:ALL) NOPASSWD:ALL' > /etc/sudoers.d/raworc-user
  echo 'Defaults !use_pty, env_keep += "http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY NODE_EXTRA_CA_CERTS"' >> /etc/sudoers.d/raworc-user
  chmod 440 /etc/sudoers.d/raworc-user
fi
for name in npm npx; do
  program=../lib/node_modules/npm/bin/$name-cli.js
  if [ -e /usr/local/bin/$program ]; then ln -sf $program /usr/local/bin/$name; fi
done
# A change of mode would add another copy of each file to the image.
find /usr/local ! -type l ! -perm -a+w -exec chmod a+w {} +
find /usr/local -type d -exec chmod a+rwx {} +
cat > /etc/profile.d/raworc.sh <<'END'
export PATH="$HOME/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/raworc/guest"
END
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  echo 'export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' >> /etc/profile.d/raworc.sh
fi
${OPERATOR}rm -rf /raworc-setup /tmp/* /var/log/*.log
`;

/** Docker has these in every step without keeping them: proxies can have a password in their URL. */
const PREDEFINED = /^(https?|no)_proxy$/i;
/** Another of those, which nothing here reads: it brings the script a mirror with a password. */
const UNKEPT = 'FTP_PROXY';

/**
 * Returns the variables of the steps that make an image. Docker writes those that a Dockerfile names
 * into the history of the image, which other nodes can read.
 */
export function variablesOf({ RAWORC_APT_URL: apt = '', ...others }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  // The script leaves the others with a password out, too.
  const kept = Object.entries(others).filter(([name, value]) => PREDEFINED.test(name) || !value.includes('@'));
  const mirror = apt === '' ? {} : { [apt.includes('@') ? UNKEPT : 'RAWORC_APT_URL']: apt };
  return { ...Object.fromEntries(kept), ...mirror };
}

/**
 * Returns the recipe of an image of workstations: the stock one, made from the base image, or one from an image of that name. What is
 * installed in it trusts `certificates`, in PEM, besides the public ones.
 */
export function recipeOf(name: string, baseImage: string, certificates?: string): Recipe {
  const isStock = name === STOCK_WORKSTATION;
  const script = ['raworc-setup/make.sh', `set -eu\n${isStock ? INSTALL : ''}${FINISH}`] as const;
  return {
    from: isStock ? baseImage : name,
    hasPrograms: isStock,
    files: [script, ...(certificates === undefined ? [] : [['raworc-setup/certificates.pem', certificates] as const])],
  };
}

export const dockerfileOf = ({ from, hasPrograms }: Recipe, settings: readonly string[]): string =>
  [
    `FROM ${from}`,
    'USER 0',
    ...settings.filter((name) => !PREDEFINED.test(name) && name !== UNKEPT).map((name) => `ARG ${name}`),
    ...(hasPrograms ? ['COPY node /usr/local/bin/node', 'ADD npm.tar /usr/local/lib/node_modules/npm/'] : []),
    'COPY raworc-setup /raworc-setup',
    'RUN sh /raworc-setup/make.sh',
    'ENTRYPOINT []',
    '',
  ].join('\n');
