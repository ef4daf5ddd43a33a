import { mkdir, open, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from './command.ts';

const MIB = 2 ** 20;
const JOURNAL_MIB = 4;
/** A smaller disk has no room for a journal. */
const SMALLEST_BYTES = 4 * MIB;
/** One inode per 8 KiB, enough for projects with many small modules. */
const BYTES_PER_INODE = 8192;
const INODE_BYTES = 256;
const BLOCK_BYTES = 4096;
/** Bitmaps, group descriptors, copies of the superblock. */
const OVERHEAD = 0.002;
/** Reserved by the kernel, up to a bound. */
const KERNEL_SHARE = 0.02;
const KERNEL_BYTES = 16 * MIB;

/**
 * Returns the size of an image in which agents can write `bytes`, with inode tables, journal and
 * the guest's reserve. It takes up no space until something is written.
 */
export function imageBytes(bytes: number): number {
  const kernel = Math.min(KERNEL_BYTES, Math.ceil(bytes * KERNEL_SHARE));
  const whole =
    (Math.max(bytes, SMALLEST_BYTES) + reservedBytes(bytes) + kernel + JOURNAL_MIB * MIB + MIB) /
    (1 - INODE_BYTES / BYTES_PER_INODE - OVERHEAD);
  return Math.ceil(whole / MIB) * MIB;
}

/** Reserved for uid 0, so that the guest's journal continues when agents have filled the rest. */
const reservedBytes = (bytes: number) => Math.min(16 * MIB, Math.max(2 * MIB, Math.floor(bytes / 16)));

/**
 * Creates a sparse ext4 image, durably, with one directory named `id`. Its journal makes a mount
 * after a power cut replay a few blocks instead of checking the whole file system, on which guests
 * sync their mailbox.
 */
export async function makeImage(run: Command, image: string, id: string, bytes: number): Promise<void> {
  const size = imageBytes(bytes);
  const seed = `${image}.seed`;
  await mkdir(join(seed, id), { recursive: true, mode: 0o755 });
  const file = await open(image, 'wx', 0o600);
  try {
    await file.truncate(size);
    const reserved = ((reservedBytes(bytes) / size) * 100).toFixed(4);
    const options = ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK_BYTES), '-U', id, '-m', reserved, '-d', seed];
    const shape = ['-i', String(BYTES_PER_INODE), '-I', String(INODE_BYTES), '-J', `size=${JOURNAL_MIB}`, '-O', '^resize_inode'];
    await run('mke2fs', [...options, ...shape, '-E', 'lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0', image]);
    await file.sync();
  } finally {
    await file.close();
    await rm(seed, { recursive: true, force: true });
  }
}

const OPTIONS = ['nosuid', 'nodev', 'noatime', 'noinit_itable', 'errors=remount-ro'].join();

/**
 * Mounts an image. If a container still has it as a loop device, that device is mounted: two
 * devices on one file would be two file systems that overwrite each other. A file system that does
 * not mount is repaired once.
 */
export async function mountImage(run: Command, image: string, place: string): Promise<void> {
  const device = await loopDeviceOf(image);
  if (device !== undefined) return void (await run('mount', ['-t', 'ext4', '-o', OPTIONS, device, place]));
  const mount = () => run('mount', ['-t', 'ext4', '-o', `loop,${OPTIONS}`, image, place]);
  try {
    await mount();
  } catch (error) {
    if ((await loopDeviceOf(image)) !== undefined) throw error;
    // Exit status 1: errors were corrected.
    await run('e2fsck', ['-p', image]).catch((fault: Error) => {
      if (!(fault.cause instanceof Error && 'code' in fault.cause && fault.cause.code === 1)) throw error;
    });
    await mount();
  }
}

/** Returns the name in /dev of this file's loop device, if there is one. */
async function loopDeviceOf(image: string): Promise<string | undefined> {
  const path = await realpath(image);
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const backing = await Promise.all(names.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')));
  const at = backing.findIndex((file) => file.trim() === path);
  return at < 0 ? undefined : `/dev/${names[at]}`;
}

/** The kernel removes the loop device with its last mount. */
export async function unmountImage(run: Command, place: string): Promise<void> {
  await run('umount', [place]);
}

/** Returns deleted blocks to the host, except those that the journal has not committed yet. */
export async function trimImage(run: Command, place: string): Promise<void> {
  await run('sync', ['-f', place]);
  await run('fstrim', [place]);
}
