/** Repositories, references and directories that are safe to pass to git: no options, no local paths. */

const PART = '[A-Za-z0-9_~][A-Za-z0-9_.~-]*';
const HOST = '[A-Za-z0-9][A-Za-z0-9.-]*';
const SHORT = new RegExp(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/${PART})+$`);
/** Allows no password: credentials belong in the space's secrets. */
const URL_FORM = new RegExp(`^(?:https?|ssh|git)://(?:git@)?${HOST}(?::\\d{1,5})?/${PART}(?:/${PART})*/?$`);
const SCP_FORM = new RegExp(`^git@${HOST}:${PART}(?:/${PART})*$`);

export const REPOSITORY_FORMS = 'must be owner/repo, host/owner/repo or a URL (https://, ssh://, git://) without a password in it';

/** `owner/repo`, `host/owner/repo`, or a URL. */
export function isRepository(text: string): boolean {
  return !text.includes('..') && [SHORT, URL_FORM, SCP_FORM].some((form) => form.test(text)) && hasHost(text);
}

/** Of a short form with more than two parts, the first must be a host. */
function hasHost(text: string): boolean {
  if (!SHORT.test(text)) return true;
  const [first = '', ...rest] = text.split('/');
  return rest.length === 1 || first.includes('.') || first === 'localhost';
}

export const BRANCH_FORM = 'must be the name of a branch or tag, or a commit';

/** Follows git-check-ref-format(1), and excludes anything that looks like an option. */
export function isBranch(text: string): boolean {
  if (text === '' || text === '@' || /^[-/.]|[/.]$|\.lock$/.test(text)) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches them on purpose
  return !/\.\.|@\{|\/\/|\/\.|[\u0000-\u0020\u007f~^:?*[\\]/.test(text);
}

export const DIRECTORY_FORM = 'must be a relative path in the repository, such as agents/helper';

/** A directory of a repository. */
export function isRepositoryDirectory(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches them on purpose
  if (/[\u0000-\u001f\u007f\\:]/.test(text)) return false;
  const parts = text.replace(/\/$/, '').split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.startsWith('-'));
}
