/**
 * Builds that can have to be repeated, found without reading the others, of which a space can have
 * very many.
 */

/** As in the index of sessions by image. */
export const KEPT = `desired <> 'deleted'`;
/** As in the indexes of builds. */
export const OPEN = `status in ('pending','building')`;

/** Each image that a session has, once: goes from one to the next in the index. */
export const IMAGES_IN_USE = `with recursive used(image) as (
  select min(image) from sessions where ${KEPT}
  union all
  select (select min(image) from sessions where ${KEPT} and image > used.image) from used where used.image is not null)
  select image from used where image is not null`;

/** The agents of open builds, of the newest completed build of each space, and of those with sessions. */
export const AGENTS_OF_BUILDS_IN_USE = `
  select agents from builds where ${OPEN}
  union all
  select (select agents from builds where space_id = spaces.id and status = 'completed' order by created_at desc limit 1) from spaces
  union all
  select builds.agents from (${IMAGES_IN_USE}) used join builds on builds.image = used.image and builds.status = 'completed'`;
