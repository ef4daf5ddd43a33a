#!/usr/bin/env node
import { launchCommand } from '../launcher/launch.mjs';

const usage = `Usage: raworc-controller serve                    run the controller
       raworc-controller backup FILE [--force]    back up all state into one new file, also while it runs;
                                                  --force replaces FILE
       raworc-controller restore FILE [--force]   restore a backup into an empty data directory;
                                                  --force moves an existing one aside
       raworc-controller rotate                   replace the keys of secrets and tokens, also while it runs
       raworc-controller rotate --ca [--finish]   replace the CA of nodes; --finish removes the old one now
       raworc-controller install [--print]        run the controller as a systemd service, or print its unit
       raworc-controller upgrade PACKAGE [--within SECONDS]
                                                  install another version of the service, and go back unless
                                                  it is healthy in time (default: 60); without PACKAGE,
                                                  continue an interrupted upgrade
       raworc-controller uninstall                stop the service and remove its unit; data stays
       raworc-controller --help | --version

All but upgrade and uninstall accept --config FILE (default: /etc/raworc/controller.toml, if it exists).
Variables win over the file, such as RAWORC_DATA_DIR over data_dir, the data directory (default: ./data).
docs/settings.md lists all settings.

Exit codes: 0 success or a clean stop, 1 an error, which standard error explains (serve: its log), 2 wrong
usage or an invalid setting, 128 + N ended by signal N.
`;

launchCommand({
  name: 'raworc-controller',
  usage,
  commands: {
    serve: 'controller/main',
    backup: 'controller/backup/backup',
    restore: 'controller/backup/restore',
    rotate: 'controller/rotate/rotate',
    install: 'controller/service/install',
    upgrade: 'controller/service/upgrade',
    uninstall: 'controller/service/uninstall',
  },
  // As in service/process-options.ts, which says why.
  nodeOptions: ['--max-semi-space-size=8', '--v8-pool-size=1'],
  env: { MALLOC_ARENA_MAX: '2' },
});
