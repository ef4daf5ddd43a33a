/** Repositories and branches that are safe to pass to git: no options, no local paths. */

const PART = '[A-Za-z0-9_][A-Za-z0-9_.-]*';
const PATH = `${PART}(?:/${PART})+`;
const SHORT = new RegExp(`^${PATH}$`);
/** Allows no user or password: credentials belong in the space's secrets. */
const URL_FORM = new RegExp(`^(?:https?|ssh|git)://(?:git@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\\d{1,5})?/${PART}(?:/${PART})*/?$`);
const SCP_FORM = new RegExp(`^git@[A-Za-z0-9][A-Za-z0-9.-]*:${PART}(?:/${PART})*$`);

export const REPOSITORY_FORMS = 'must be owner/repo, host/owner/repo or a URL (https://, ssh://, git://) without a password in it';

/** `owner/repo`, `host/owner/repo`, or a URL. */
export function isRepository(text: string): boolean {
  return !text.includes('..') && [SHORT, URL_FORM, SCP_FORM].some((form) => form.test(text));
}

export const BRANCH_FORM = 'must be the name of a branch';

/** Follows git-check-ref-format(1), and excludes anything that looks like an option. */
export function isBranch(text: string): boolean {
  if (text === '' || text === '@' || /^[-/.]|[/.]$|\.lock$/.test(text)) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches them on purpose
  return !/\.\.|@\{|\/\/|\/\.|[\u0000-\u0020\u007f~^:?*[\\]/.test(text);
}
