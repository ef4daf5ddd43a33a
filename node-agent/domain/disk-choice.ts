/** How the disks of new sessions are limited. */
export const DISK_KINDS = ['quota', 'image', 'measured'] as const;
export type DiskKind = (typeof DISK_KINDS)[number];
/**
 * The kinds that hold against an agent that means harm, in the order in which they are tried. A
 * project quota does not: the kernel lets the owner of a file move it to another project (FSSETXATTR)
 * unless the process is in a user namespace of its own.
 */
const AUTOMATIC: readonly DiskKind[] = ['image', 'measured'];
export type DiskSetting = 'auto' | DiskKind;

export type DiskChoice =
  /** `because` has one sentence for each kind that was tried first and does not work. */
  | { readonly ok: true; readonly kind: DiskKind; readonly because: readonly string[] }
  /** The kind that the operator requires does not work. */
  | { readonly ok: false; readonly reason: string };

/**
 * Returns the first kind that works. `attempt` resolves to why a kind does not work, or undefined.
 */
export async function chooseDisks(setting: DiskSetting, attempt: (kind: DiskKind) => Promise<string | undefined>): Promise<DiskChoice> {
  if (setting !== 'auto') {
    const reason = await attempt(setting);
    return reason === undefined ? { ok: true, kind: setting, because: [] } : { ok: false, reason };
  }
  const because: string[] = [];
  for (const kind of AUTOMATIC) {
    const reason = await attempt(kind);
    if (reason === undefined) return { ok: true, kind, because };
    because.push(reason);
  }
  return { ok: false, reason: because.join(' ') };
}

export const isDiskSetting = (text: string): text is DiskSetting => text === 'auto' || DISK_KINDS.some((kind) => kind === text);
