/**
 * The host's user ids for sessions, one each, so that the kernel's limits per user are limits per
 * session.
 */
export interface UidRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/**
 * Beyond the ranges of useradd, /etc/subuid, systemd's containers, FreeIPA and SSSD, and below
 * 2^31, which some programs take for negative.
 */
export const DEFAULT_UIDS: UidRange = { first: 2_010_000_000, last: 2_139_999_999 };

/** The agents' user id in containers and on disks from before each session had its own. */
export const COMMON_UID = 10_001;

/** Lower ids belong to accounts of the host. */
const LEAST = 1_000;
/** Docker accepts no higher id. */
const MOST = 2 ** 31 - 1;

/** Parses "FIRST-LAST". Returns undefined if sessions cannot use that range. */
export function parseUidRange(text: string): UidRange | undefined {
  const [, first, last] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first >= LEAST && range.last <= MOST && range.first <= range.last ? range : undefined;
}

/**
 * Returns the next free id after `last`, wrapping around; undefined when all are in use. A freed id
 * is therefore reused last.
 */
export function nextUid({ first, last: end }: UidRange, last: number, isTaken: (uid: number) => boolean): number | undefined {
  const size = end - first + 1;
  const begin = last >= first && last < end ? last + 1 : first;
  for (let tried = 0; tried < size; tried += 1) {
    const uid = first + ((begin - first + tried) % size);
    if (!isTaken(uid) && uid !== COMMON_UID) return uid;
  }
  return undefined;
}
