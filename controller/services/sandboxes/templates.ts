import type { CreateSession } from '../../contract/sessions.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { imagesIn } from '../../domain/spaces/space-settings.ts';
import { sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';

/** The template of the SDKs by default. */
export const BASE = 'base';
/** Snapshots are templates whose names end so. */
const SNAPSHOT = /^([0-9a-f-]{36}):snapshot$/;

export type Template =
  | { readonly kind: 'base' }
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'snapshot'; readonly id: SessionId };

export const snapshotId = (id: SessionId): string => `${id}:snapshot`;

/** Returns the id of the session behind a snapshot's name, if it looks like one. */
export const snapshotIn = (template: string): string | undefined => SNAPSHOT.exec(template.toLowerCase())?.[1];

/** Finds a template by its name. 404 for a snapshot that the caller cannot see. */
export function templateOf(view: View, caller: Caller, space: string, name: string): Outcome<Template> {
  const copied = snapshotIn(name);
  if (copied !== undefined) {
    const row = view.get('sandboxes', copied);
    const session = row?.kind === 'snapshot' ? sessionFor(view, caller, row.id, 'get') : undefined;
    return session?.ok === true ? accepted({ kind: 'snapshot', id: session.value.id }) : unknown(name);
  }
  if (name === BASE) return accepted({ kind: 'base' });
  const allowed = imagesIn(view.spaceByName(space)?.settings ?? {});
  return allowed.includes(name) ? accepted({ kind: 'image', image: name }) : unknown(name);
}

/** Returns what a template is of a new session. */
export const fromTemplate = (template: Exclude<Template, { kind: 'snapshot' }>): Pick<CreateSession, 'profile' | 'image'> => ({
  profile: 'workstation',
  ...(template.kind === 'image' ? { image: template.image } : {}),
});

const unknown = (name: string) =>
  refused(
    'NOT_FOUND',
    `The template ${name.slice(0, 200)} does not exist. Use ${BASE}, an image that the settings of the space allow, or a snapshot.`,
  );
