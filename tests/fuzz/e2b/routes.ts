/** What the SDKs of E2B ask for, and how. */

export interface E2bRoute {
  readonly plane: 'control' | 'data';
  readonly method: string;
  /** `{id}` is a sandbox. */
  readonly path: string;
  /** Bodies as the SDKs send them. PID is a process, WATCHER a watcher of the sandbox. */
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly queries?: readonly string[];
  /** How the body is sent. Default: JSON. */
  readonly form?: 'frames' | 'bytes' | 'parts' | 'nothing';
}

export const PID = 'the process';
export const WATCHER = 'the watcher';

const control = (method: string, path: string, ...messages: object[]): E2bRoute => ({
  ...{ plane: 'control', method, path, messages: messages.length === 0 ? [{}] : (messages as Readonly<Record<string, unknown>>[]) },
  ...(method === 'GET' ? { form: 'nothing' as const } : {}),
});
const ONE = { templateID: 'base', timeout: 300, metadata: { of: 'fuzz' }, envVars: { A: 'b' } };

export const CONTROL: readonly E2bRoute[] = [
  control('POST', '/v2/sandboxes', ONE, { ...ONE, autoPause: true, autoResume: { enabled: true } }),
  control('POST', '/sandboxes', ONE, { ...ONE, secure: true, allow_internet_access: true }),
  control('GET', '/sandboxes/{id}'),
  control('POST', '/sandboxes/{id}/timeout', { timeout: 300 }),
  control('POST', '/sandboxes/{id}/refreshes', { duration: 300 }),
  control('POST', '/sandboxes/{id}/fork', { count: 1, timeout: 300 }),
  control('PUT', '/sandboxes/{id}/network', {}, { allowOut: ['1.1.1.1'] }),
  { ...control('GET', '/v2/sandboxes'), queries: ['', 'limit=2', 'state=running,paused', 'metadata=of%3Dfuzz'] },
  control('GET', '/sandboxes'),
  control('POST', '/sandboxes/{id}/snapshots', { name: 'kept' }),
  control('GET', '/snapshots'),
  control('DELETE', '/templates/{id}'),
  control('GET', '/sandboxes/{id}/metrics'),
  control('POST', '/sandboxes/{id}/pause', {}, { memory: true }),
  ...['/sandboxes/{id}/resume', '/v2/sandboxes/{id}/connect', '/sandboxes/{id}/connect'].map((path) =>
    control('POST', path, { timeout: 300 }),
  ),
  control('DELETE', '/sandboxes/{id}'),
];

const call = (name: string, ...messages: object[]): E2bRoute => ({
  ...{ plane: 'data', method: 'POST', path: `/${name}`, messages: messages as Readonly<Record<string, unknown>>[] },
});
const streamed = (name: string, ...messages: object[]): E2bRoute => ({ ...call(name, ...messages), form: 'frames' });
const process = { pid: PID };
const bash = { process: { cmd: '/bin/bash', args: ['-l', '-c', 'cat'], cwd: '/home/user', envs: { A: 'b' } }, tag: 'mine', stdin: true };
const PATH = { path: '/home/user/a' };
const FILE_QUERIES = ['path=a', 'path=~/b&username=user', 'path=/home/user/a'];

export const DATA: readonly E2bRoute[] = [
  streamed('process.Process/Start', bash, { ...bash, pty: { size: { cols: 80, rows: 24 } } }),
  streamed('process.Process/Connect', { process }, { process: { tag: 'mine' } }),
  streamed('process.Process/StreamInput', { start: { process } }, { keepalive: {} }),
  call('process.Process/List', {}),
  call('process.Process/SendInput', { process, input: { stdin: 'eA==' } }, { process: { tag: 'mine' }, input: { pty: 'eA==' } }),
  call('process.Process/SendSignal', { process, signal: 'SIGNAL_SIGTERM' }, { process, signal: 9 }),
  call('process.Process/CloseStdin', { process }),
  call('process.Process/Update', { process, pty: { size: { cols: 100, rows: 30 } } }),
  call('process.Process/Nothing', {}),
  call('filesystem.Filesystem/Stat', PATH),
  call('filesystem.Filesystem/ListDir', { path: '/home/user', depth: 2 }),
  call('filesystem.Filesystem/MakeDir', { path: '/home/user/made' }),
  call('filesystem.Filesystem/Move', { source: '/home/user/a', destination: '/home/user/b' }),
  call('filesystem.Filesystem/Remove', { path: '/home/user/made' }),
  call('filesystem.Filesystem/CreateWatcher', { path: '/home/user', recursive: true }),
  call('filesystem.Filesystem/GetWatcherEvents', { watcherId: WATCHER }),
  call('filesystem.Filesystem/RemoveWatcher', { watcherId: WATCHER }),
  streamed('filesystem.Filesystem/WatchDir', { path: '/home/user', recursive: false }),
  { ...call('files', { content: 'hello' }), form: 'bytes', queries: FILE_QUERIES },
  { ...call('files', { name: 'a', content: 'hello' }, { name: '../b', content: '' }), form: 'parts', queries: ['', ...FILE_QUERIES] },
  { ...call('files', {}), method: 'GET', form: 'nothing', queries: FILE_QUERIES },
  { ...call('health', {}), method: 'GET', form: 'nothing' },
  { ...call('envs', {}), method: 'GET', form: 'nothing' },
];

/** Names of fields anywhere. */
export const FIELDS: readonly string[] = [
  ...[
    'process',
    'input',
    'pty',
    'signal',
    'tag',
    'path',
    'depth',
    'source',
    'destination',
    'watcherId',
    'watcher_id',
    'recursive',
    'stdin',
  ],
  ...[
    'templateID',
    'timeout',
    'metadata',
    'envVars',
    'autoPause',
    'autoResume',
    'secure',
    'network',
    'mcp',
    'iam',
    'volumeMounts',
    'count',
  ],
];
