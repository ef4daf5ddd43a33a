#!/usr/bin/env node
import { launchCommand } from '../launcher/launch.mjs';

const usage = `Usage: raworc-node-agent run [options]              run the node agent of this host, as root
       raworc-node-agent doctor [options]           examine this host, and its way to the controller
       raworc-node-agent join --token TOKEN [options]
                                                    examine the host, join the cluster, run as a systemd service
       raworc-node-agent install [options] [--print]
                                                    run as a systemd service after a join, or print its unit
       raworc-node-agent upgrade PACKAGE [--within SECONDS]
                                                    install another version of the service, and go back unless it is
                                                    healthy in time (default: 60); without PACKAGE, continue an
                                                    interrupted upgrade
       raworc-node-agent uninstall                  stop the service and remove its unit; sessions and data stay
       raworc-node-agent session-image [--data DIR]
                                                    build the image that sessions start from, and print its tag
       raworc-node-agent --help | --version

Options of run, doctor, join and install, which are also keys of the configuration file (--cpu-millis is cpu_millis):
  --config FILE           the configuration file (default: /etc/raworc/node-agent.toml, if it exists)
  --data DIR              identity, ledger and disks (default: /var/lib/raworc)
  --token TOKEN           join a cluster with this token; others can see it in the list of processes
  --token-file FILE|-     join a cluster with the token in this file or on standard input
  --label KEY=VALUE       a label of the node, for the join; can be repeated
  --name NAME             the node's name (default: the host's)
  --docker-socket PATH    Docker's socket (default: /var/run/docker.sock)
  --run-dir DIR           sockets of sessions (default: /run/raworc/NODE)
  --metrics-port PORT     serve metrics on 127.0.0.1
  --cpu-millis N, --memory-bytes N, --disk-bytes N, --sessions N
                          what the node offers (default: what the host has)
  --max-cpu-millis N, --max-memory-bytes N, --max-disk-bytes N, --max-processes N
                          the most that one session gets
  --reserve-cpu-millis N, --reserve-memory-bytes N, --reserve-processes N
                          what stays for the host (default: a tenth)

Variables such as RAWORC_SESSION_DNS, or the same keys in the file, set what sessions can use of the
host. docs/settings.md lists them.

Exit codes: 0 success or a clean stop, 1 an error, which standard error explains (run: its log), 2 wrong
usage or an invalid setting, 128 + N ended by signal N. doctor: 0 also with warnings, 1 with a problem.
`;

launchCommand({
  name: 'raworc-node-agent',
  usage,
  commands: {
    run: 'node-agent/main',
    doctor: 'node-agent/doctor/main',
    join: 'node-agent/join/main',
    install: 'node-agent/service/install',
    upgrade: 'node-agent/service/upgrade',
    uninstall: 'node-agent/service/uninstall',
    'session-image': 'scripts/image/main',
  },
});
