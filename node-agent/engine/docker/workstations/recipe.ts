import { STOCK_WORKSTATION } from '../../../../proto/images/workstation-recipe.ts';

/** What an image of workstations is made from. */
export interface Recipe {
  /** Docker's name of the image to begin with. */
  readonly from: string;
  readonly files: readonly (readonly [path: string, content: string])[];
}

/** The stock image: what people expect of a computer, from Debian's packages. */
const PACKAGES = [
  ...['bash', 'bash-completion', 'build-essential', 'ca-certificates', 'curl', 'file', 'git', 'iproute2', 'iputils-ping', 'jq', 'less'],
  ...['locales', 'lsof', 'nano', 'netcat-openbsd', 'nodejs', 'npm', 'openssh-client', 'procps', 'psmisc', 'python3', 'python3-dev'],
  ...['python3-pip', 'python3-venv', 'rsync', 'sudo', 'tmux', 'tree', 'unzip', 'vim', 'wget', 'xz-utils', 'zip'],
];

/** Directories that people and programs expect directly below the root, where none can be created later. */
const PLACES = ['/app', '/code', '/data', '/workspace'];

const MIRROR = `if [ -n "$RAWORC_APT_URL" ]; then
  . /etc/os-release
  rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
  echo "deb $RAWORC_APT_URL $VERSION_CODENAME main" > /etc/apt/sources.list
fi
`;

const INSTALL = `export DEBIAN_FRONTEND=noninteractive
${MIRROR}apt-get -o Acquire::Retries=2 update -qq
apt-get -o Acquire::Retries=2 install -y -qq --no-install-recommends ${PACKAGES.join(' ')}
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
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
if [ -d /etc/sudoers.d ]; then
  echo 'user ALL=(ALL:ALL) NOPASSWD:ALL' > /etc/sudoers.d/raworc-user
  echo 'Defaults !use_pty, env_keep += "http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY"' >> /etc/sudoers.d/raworc-user
  chmod 440 /etc/sudoers.d/raworc-user
fi
chmod -R a+w /usr/local
find /usr/local -type d -exec chmod a+rwx {} +
cat > /etc/profile.d/raworc.sh <<'END'
export PATH="$HOME/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/raworc/guest"
END
# Installs for all, as people do on a computer that is theirs alone.
if [ -x /usr/bin/pip3 ]; then printf '[global]\\nbreak-system-packages = true\\n' > /etc/pip.conf; fi
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  echo 'export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' >> /etc/profile.d/raworc.sh
fi
rm -rf /raworc-setup /tmp/* /var/log/*.log
`;

/** Returns the recipe of an image of workstations: the stock one, made from the base image, or one from an image of that name. */
export function recipeOf(name: string, baseImage: string): Recipe {
  const isStock = name === STOCK_WORKSTATION;
  return { from: isStock ? baseImage : name, files: [['raworc-setup/make.sh', `set -eu\n${isStock ? INSTALL : ''}${FINISH}`]] };
}

export const dockerfileOf = ({ from }: Recipe, settings: readonly string[]): string =>
  [
    `FROM ${from}`,
    'USER 0',
    ...settings.map((name) => `ARG ${name}`),
    'COPY raworc-setup /raworc-setup',
    'RUN sh /raworc-setup/make.sh',
    'ENTRYPOINT []',
    '',
  ].join('\n');
