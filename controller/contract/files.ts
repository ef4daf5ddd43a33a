import { z } from 'zod';
import { fields, flag, type Infer, text, time, wording } from './fields.ts';
import { defaultedParameter, flagParameter, parsedParameter, wordParameter } from './parameters.ts';

/** Bounds of one request. A page of a list also ends at 4 MiB. */
export const FILE_BOUNDS = { pathBytes: 4095, rows: 10_000, depth: 32 } as const;
const DEFAULT_ROWS = 1000;

const isPath = (bytes: Buffer) => bytes.byteLength <= FILE_BOUNDS.pathBytes && !bytes.includes(0);
/**
 * Paths are strings of bytes, a character for each. Names are not normalized: on Linux, other bytes
 * are another file.
 */
export const asPath = (sent: string): string | undefined => (isPath(Buffer.from(sent)) ? Buffer.from(sent).toString('latin1') : undefined);
function asBase64(sent: string): string | undefined {
  const bytes = Buffer.from(sent, 'base64');
  return /^[A-Za-z0-9+/_ -]*={0,2}$/.test(sent) && isPath(bytes) ? bytes.toString('latin1') : undefined;
}

export const PATH_PROBLEM = `must be a path of at most ${FILE_BOUNDS.pathBytes} bytes without NUL`;
const BASE64_PROBLEM = `must be a path of at most ${FILE_BOUNDS.pathBytes} bytes in base64`;
const untouched = (parse: (sent: string) => string | undefined, problem: string, description: string) =>
  parsedParameter(parse, problem, description, z.string({ error: 'was sent more than once' }));

const onPath = {
  path: untouched(asPath, PATH_PROBLEM, 'Absolute, or below /session/workspace, which is the default'),
  path_base64: untouched(asBase64, BASE64_PROBLEM, 'The bytes of a path that is not UTF-8, in base64'),
  wake: flagParameter('Whether a paused or suspended session is resumed. Default: true'),
};

/** A flag that is set by its name alone, as in `?list`. */
const bareFlag = (description: string) =>
  parsedParameter(
    (sent) => (sent === '' || sent === 'true' ? true : sent === 'false' ? false : undefined),
    'must be true or false',
    description,
  );

const modeIn = (sent: string): number | undefined => (/^[0-7]{1,4}$/.test(sent) ? Number.parseInt(sent, 8) : undefined);
const MODE = 'must be a mode in octal, such as 644';

export const readQuery = z.object({
  ...onPath,
  list: bareFlag('Returns the entries of a directory'),
  stat: bareFlag('Returns the entry itself, without following a link'),
  watch: bareFlag('Sends changes as they happen, as a text/event-stream'),
  archive: wordParameter(['tar'], 'Returns the directory as a tar'),
  depth: defaultedParameter(1, FILE_BOUNDS.depth, 1, 'Of a list: levels of directories'),
  limit: defaultedParameter(1, FILE_BOUNDS.rows, DEFAULT_ROWS, 'Of a list: most entries of a page'),
  after: untouched(asBase64, 'must be the `next` of a page', 'Of a list: `next` of the page before'),
  recursive: bareFlag('Of a watch: also what is in directories below'),
});
export type ReadQuery = Infer<typeof readQuery>;

export const writeQuery = z.object({
  ...onPath,
  archive: wordParameter(['tar'], 'The body is a tar that is unpacked into the directory'),
  parents: bareFlag('Creates missing directories'),
  mode: parsedParameter(modeIn, MODE, 'Of a new file, in octal. Default: 644'),
});

export const changeQuery = z.object({
  ...onPath,
  mkdir: bareFlag('Creates a directory'),
  move: untouched(asPath, PATH_PROBLEM, 'Moves the file or directory here'),
  move_base64: untouched(asBase64, BASE64_PROBLEM, 'The same for a path that is not UTF-8'),
  parents: bareFlag('Creates missing directories; with mkdir, an existing directory is taken'),
  overwrite: bareFlag('Of a move: replaces what is there'),
  mode: parsedParameter(modeIn, MODE, 'Of a new directory, in octal. Default: 755'),
});

export const removeQuery = z.object({ ...onPath, recursive: bareFlag('Removes a directory with its content') });
export const pathQuery = z.object(onPath);

export const fileChange = fields({
  mode: text(4)
    .refine((sent) => modeIn(sent) !== undefined, MODE)
    .describe('In octal, such as 755'),
});
export const noFields = fields({ wake: flag().exactOptional() });
export const modeOf = (sent: string): number => modeIn(sent) ?? 0;

const TYPES = ['file', 'directory', 'symlink', 'fifo', 'socket', 'device'] as const;
const path = (description: string) => z.string({ error: wording }).describe(description);
const base64Path = () => z.string().optional().describe('The bytes of a path that is not UTF-8, in base64');

export const fileEntry = z
  .strictObject({
    path: path('Absolute. What is not UTF-8 in it is shown as U+FFFD'),
    path_base64: base64Path(),
    name: path('The last part of the path'),
    type: z.enum(TYPES),
    size: z.int().min(0).describe('In bytes'),
    mode: z.string().describe('Permissions in octal, such as 0644'),
    modified_at: time(),
    uid: z.int().min(0),
    gid: z.int().min(0),
    owner: z.string().optional().describe('Name of the account, if the session has one'),
    group: z.string().optional(),
    etag: z.string().describe('For If-Match, If-None-Match and If-Range'),
    link: z
      .strictObject({
        text: path('As it was written'),
        text_base64: base64Path(),
        target: z.string().optional().describe('Absolute, without links. Absent if it leads nowhere'),
        target_base64: base64Path(),
        type: z.enum(TYPES).optional(),
        size: z.int().min(0).optional(),
        mode: z.string().optional(),
      })
      .optional()
      .describe('Where a symlink leads'),
  })
  .meta({ id: 'FileEntry' });
export type FileEntryObject = Infer<typeof fileEntry>;

export const fileList = z
  .strictObject({
    entries: z.array(fileEntry).describe('Each directory before its entries, names in the order of their bytes'),
    next: z.string().nullable().describe('For `after`: the next page. Null: this is the last'),
  })
  .meta({ id: 'FileList' });

export const fileWritten = z
  .strictObject({ ...fileEntry.shape, created: z.boolean().describe('Whether nothing was replaced') })
  .meta({ id: 'FileWritten' });
export type FileWrittenObject = Infer<typeof fileWritten>;

export const filesUnpacked = z
  .strictObject({ files: z.int().min(0), directories: z.int().min(0), links: z.int().min(0), bytes: z.int().min(0) })
  .meta({ id: 'FilesUnpacked' });
export type FilesUnpackedObject = Infer<typeof filesUnpacked>;
