const DEFAULT_BYTES = 2 * 2 ** 30;

/** Returns RAWORC_DISK_LOW_BYTES: with less free space the node gets no new sessions. */
export function diskLowBytes({ RAWORC_DISK_LOW_BYTES: text }: Readonly<Record<string, string | undefined>>): number {
  if (text === undefined || text === '') return DEFAULT_BYTES;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`RAWORC_DISK_LOW_BYTES must be a number of bytes, not "${text}"`);
  return Number(text);
}
