import type { WatchLine } from '../../../proto/streams/files-stream.ts';
import { entryInfo, textOf } from './entry-info.ts';

const TYPES: Readonly<Record<string, string>> = {
  created: 'EVENT_TYPE_CREATE',
  modified: 'EVENT_TYPE_WRITE',
  removed: 'EVENT_TYPE_REMOVE',
  renamed: 'EVENT_TYPE_RENAME',
  attributes: 'EVENT_TYPE_CHMOD',
};
/** A file is written under such a name beside its own, which it takes once it is complete. */
const TEMPORARY = /(^|\/)\.raworc-[0-9a-f]{16}\.tmp$/;

export interface FileEventsOptions {
  /** The directory that is watched. Names are relative to it. */
  readonly root: string;
  /** Whether events have the entry of the file. */
  readonly withEntry: boolean;
}

/** Returns what turns the changes of one watch into events as E2B has them: its clients wait for the write of a file. */
export function fileEvents({ root, withEntry }: FileEventsOptions): (line: Exclude<WatchLine, string>) => readonly object[] {
  /** Directories in which a temporary file has just taken another name. */
  const replacing = new Set<string>();
  return ({ change, path, entry, renamedTo }) => {
    const name = textOf(path);
    const directory = name.slice(0, name.lastIndexOf('/') + 1);
    if (TEMPORARY.test(name)) {
      if (change === 'removed') replacing.add(directory);
      return [];
    }
    const shown = change !== 'removed' && entry !== undefined && withEntry;
    const event = (kind: string) => ({
      ...{ name, type: TYPES[kind] ?? 'EVENT_TYPE_UNSPECIFIED' },
      ...(shown ? { entry: entryInfo(entry, `${root === '/' ? '' : root}/${name}`) } : {}),
    });
    const isWritten = change === 'created' && replacing.delete(directory) && entry?.type === 'file';
    if (isWritten) return [event('created'), event('modified')];
    return [event(renamedTo === undefined ? change : 'renamed')];
  };
}
