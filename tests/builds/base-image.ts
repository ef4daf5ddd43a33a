import process from 'node:process';
import { docker } from '../host/busybox.ts';

/** Returns the name of the image that sessions start from. Other tests make some of the same label meanwhile. */
export async function baseImageTag(): Promise<string> {
  const listed = await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'label=raworc.image=base');
  const tag = process.env.RAWORC_BASE_IMAGE_TAG ?? listed.split('\n').find((one) => one !== '' && !one.includes('<none>'));
  if (tag === undefined) throw new Error('there is no image of sessions: npm test makes one');
  return tag;
}
