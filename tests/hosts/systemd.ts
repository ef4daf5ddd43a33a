import { existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { RACKS } from './cgroups.ts';
import type { Init } from './machine.ts';

/** Where such machines see the directory that all of a rack see. Not in /tmp, of which services have their own. */
export const SHARED = '/usr/local/shared';

const TREES = '/sys/fs/cgroup';
/** What can be started of the units below. Others would act on this machine: set its sysctls, empty directories that it shares. */
const ALLOWED = ['systemd-journald.service', 'docker.service', 'containerd.service'];
/** Units that start with the system. */
const WANTED = '{/lib,/usr/lib,/etc}/systemd/system/*.{wants,requires}/*';

/**
 * With the trees of control groups as this machine has them, mounted again so that they begin at
 * the machine's own groups. Mounts propagate as on a real machine: systemd hands out credentials
 * through them.
 */
const BOOT = `set -e
for part in etc local; do mkdir -p "$1/$part.work"; done
mount -t overlay -o "lowerdir=/usr/local,upperdir=$1/local,workdir=$1/local.work" overlay /usr/local
shared="${tmpdir()}/$(basename "$(dirname "$1")")"
if [ -d "$shared" ]; then mkdir -p ${SHARED}; mount --bind "$shared" ${SHARED}; fi
chmod 1777 "$1/tmp"
mount --rbind "$1/tmp" ${tmpdir()}
trees=
for tree in ${TREES}/*; do [ -L "$tree" ] || [ ! -e "$tree/cgroup.procs" ] || [ ! -e "${TREES}/systemd" ] || trees="$trees \${tree##*/}"; done
mount -t sysfs sysfs /sys
if [ -z "$trees" ]; then mount -t cgroup2 cgroup2 ${TREES}; else
  mount -t tmpfs -o mode=755 tmpfs ${TREES}
  for tree in $trees; do
    mkdir "${TREES}/$tree"
    case $tree in
      unified) mount -t cgroup2 cgroup2 "${TREES}/$tree" ;;
      systemd) mount -t cgroup -o none,name=systemd cgroup "${TREES}/$tree" ;;
      *) mount -t cgroup -o "$tree" cgroup "${TREES}/$tree" ;;
    esac
  done
fi
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc.work" overlay /etc
mount --bind "$1/lib" /var/lib
echo "$2" > /proc/sys/kernel/hostname
echo "$2" > /etc/hostname
ip link set lo up
mount --make-rshared /
echo up
exec env -i "PATH=$PATH" container=test /lib/systemd/systemd --unit=sysinit.target </dev/null >/dev/null 2>&1`;

/** Machines whose first process is a real systemd. By itself it starts its journal only. */
export const SYSTEMD: Init = {
  boot: BOOT,
  directories: ['lib', 'etc/systemd/system', 'local', 'tmp'],
  groups(directory) {
    const wanted = globSync(WANTED).map((path) => basename(path));
    for (const unit of new Set(wanted.filter((name) => !ALLOWED.includes(name) && !/\.(socket|target)$/.test(name)))) {
      const file = join(directory, 'etc/systemd/system', unit);
      if (!existsSync(file)) symlinkSync('/dev/null', file);
    }
    return globSync([TREES, `${TREES}/*`])
      .filter((tree) => existsSync(join(tree, 'cgroup.procs')))
      .map((tree) => makeGroup(tree, systemdGroup(directory)));
  },
};

/** The control group of a machine in this directory. */
export const systemdGroup = (directory: string): string => join(RACKS, basename(dirname(directory)), `${basename(directory)}-systemd`);

function makeGroup(tree: string, group: string): string {
  return group.split('/').reduce((above, name) => {
    const own = join(above, name);
    mkdirSync(own, { recursive: true });
    // A group of this tree takes no process before it has processors and memory.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(own, file)) && !existsSync(join(tree, 'cgroup.controllers')))
        writeFileSync(join(own, file), readFileSync(join(above, file)));
    return own;
  }, tree);
}
