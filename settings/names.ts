/**
 * The settings of both programs. `docs/settings.md` explains each one. As environment variables
 * they are called RAWORC_NAME; in a configuration file, the name in lower case.
 */
export const CONTROLLER_SETTINGS = [
  'DATA_DIR',
  'HTTP_HOST',
  'HTTP_PORT',
  'HTTP_ALLOW_PLAIN',
  'TLS_CERT_FILE',
  'TLS_KEY_FILE',
  'CORS_ORIGINS',
  'TRUSTED_PROXIES',
  'FORWARDED_HEADER',
  'ADMIN_PASSWORD',
  'ADMIN_PASSWORD_FILE',
  'METRICS_TOKEN_FILE',
  'BUDGETS',
  'NODE_HOST',
  'NODE_PORT',
  'JOIN_PORT',
  'ADVERTISE',
  'NODE_CERT_LIFE_S',
  'NODE_LOST_AFTER_S',
  'NODE_RULES_FILE',
  'NODE_CONNECTIONS',
  'NODE_CONNECTIONS_PER_ADDRESS',
  'NODE_CONNECTS_PER_S',
  'NODE_CONNECTS_PER_S_AND_ADDRESS',
  'JOIN_CONNECTIONS',
  'JOIN_CONNECTIONS_PER_ADDRESS',
  'JOIN_CONNECTS_PER_S',
  'JOIN_CONNECTS_PER_S_AND_ADDRESS',
  'SHUTDOWN_NODES',
  'NATS_URL',
  'NATS_TOKEN',
  'NATS_TOKEN_FILE',
  'NATS_USER',
  'NATS_PASSWORD',
  'NATS_PASSWORD_FILE',
  'NATS_CREDS_FILE',
  'NATS_NKEY_FILE',
  'NATS_CA_FILE',
  'NATS_CERT_FILE',
  'NATS_KEY_FILE',
  'REGISTRY',
  'REGISTRY_PROGRAM',
  'REGISTRY_URL',
  'REGISTRY_USER',
  'REGISTRY_PASSWORD',
  'REGISTRY_PASSWORD_FILE',
  'BASE_IMAGE_TAG',
  'IMAGE_GRACE_S',
  'BUILDS',
  'BUILDS_PER_NODE',
  'MAX_SESSION_CPU',
  'MAX_SESSION_MEMORY_BYTES',
  'MAX_SESSION_DISK_BYTES',
  'MAX_SESSION_PROCESSES',
  'MAX_LIMIT_RATIO',
  'MEMORY_OVERCOMMIT',
  'DISK_OVERCOMMIT',
  'SESSION_HISTORY_MESSAGES',
  'SESSION_HISTORY_BYTES',
  'AUDIT_DAYS',
  'AUDIT_ROWS',
  'AUDIT_MESSAGE_DAYS',
  'AUDIT_MESSAGE_ROWS',
  'AUDIT_REFUSED_ROWS',
  'AUDIT_FILE',
  'AUDIT_FILE_BYTES',
  'AUDIT_FILES',
  'AUDIT_BUS',
  'DISK_LOW_BYTES',
  'LOG_LEVEL',
] as const;

export const NODE_AGENT_SETTINGS = [
  'ALLOW_CIDRS',
  'SESSION_DNS',
  'SESSION_SUBNET',
  'SESSION_UIDS',
  'SESSION_CONNECTIONS',
  'SESSION_NEW_FLOWS_PER_S',
  'SESSION_EGRESS_BYTES_PER_S',
  'SESSION_OPEN_FILES',
  'DISK_KIND',
  'DISK_LOW_BYTES',
  'LOG_LEVEL',
] as const;

/** Variables of the CLI, of scripts and of tests, which can be set where a program starts. */
const OTHER_VARIABLES = [
  'CONFIG',
  'URL',
  'TOKEN',
  'BARRIERS',
  'ANY_SYSTEM',
  'BASE_IMAGE',
  'CA_BUNDLE',
  'CA_FILE',
  'IMAGE_BUILD_NETWORK',
  'NATS_PORT',
  'STARTED_AT_MS',
  'UP_DIRECTORY',
];

const PREFIX = 'RAWORC_';
export const variableOf = (name: string): string => PREFIX + name.toUpperCase();

/** Returns the names of variables that can be meant as settings, so not those of tests. */
export const settingVariables = (env: Readonly<Record<string, string | undefined>>): string[] =>
  Object.keys(env).filter((name) => name.startsWith(PREFIX) && !name.startsWith('RAWORC_TEST_'));

export const knownVariables: readonly string[] = [
  ...new Set([...CONTROLLER_SETTINGS, ...NODE_AGENT_SETTINGS, ...OTHER_VARIABLES].map((name) => PREFIX + name)),
];
