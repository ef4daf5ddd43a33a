import t from 'tap';
import { fileEvents } from '../../../../controller/e2b/data/file-events.ts';
import { bytesOf } from '../../../../proto/streams/files-paths.ts';
import type { FileChange, FileEntry } from '../../../../proto/streams/files-stream.ts';

const TEMPORARY = '.raworc-0123456789abcdef.tmp';

const lineOf = (change: FileChange, path: string, type = 'file') => ({
  ...{ change, path: bytesOf(path) },
  entry: { path: bytesOf(path), type, size: 5, mode: 0o644, uid: 0, gid: 0, modifiedAtMs: 0 } as unknown as FileEntry,
});
const shown = (events: readonly object[]) => events.map((event) => Object.values(event).slice(0, 2).join(' '));

t.test('an atomic write is reported as CREATE and WRITE, without its temporary name', async (t) => {
  const eventsOf = fileEvents({ root: '/w', withEntry: false });
  const seen = [
    ...eventsOf(lineOf('created', `d/${TEMPORARY}`)),
    ...eventsOf(lineOf('modified', `d/${TEMPORARY}`)),
    ...eventsOf(lineOf('removed', `d/${TEMPORARY}`)),
    ...eventsOf(lineOf('created', 'other')),
    ...eventsOf(lineOf('created', 'd/a')),
    ...eventsOf(lineOf('created', 'd/b')),
  ];
  t.same(shown(seen), ['other EVENT_TYPE_CREATE', 'd/a EVENT_TYPE_CREATE', 'd/a EVENT_TYPE_WRITE', 'd/b EVENT_TYPE_CREATE']);
});

t.test('other changes are told as they are, with the entry where it is wanted', async (t) => {
  const eventsOf = fileEvents({ root: '/', withEntry: true });
  t.match(eventsOf(lineOf('modified', 'a')), [{ name: 'a', type: 'EVENT_TYPE_WRITE', entry: { path: '/a', size: 5 } }]);
  t.match(eventsOf(lineOf('attributes', 'a')), [{ name: 'a', type: 'EVENT_TYPE_CHMOD', entry: Object }]);
  const [removed] = eventsOf(lineOf('removed', 'a'));
  t.same(removed, { name: 'a', type: 'EVENT_TYPE_REMOVE' });
  const line = { change: 'removed', path: bytesOf('a'), renamedTo: bytesOf('b') } as const;
  t.same(eventsOf(line), [{ name: 'a', type: 'EVENT_TYPE_RENAME' }], 'the new name comes as CREATE');
});
