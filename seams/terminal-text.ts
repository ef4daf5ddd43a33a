/**
 * What a terminal would act on, or show as something else than it is: C0 controls, DEL, C1 controls (a CSI or OSC in one character),
 * overrides and isolates of the writing direction, line separators, and invisible tags.
 */
const CONTROLS =
  '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029\\u{e0000}-\\u{e007f}';
/** In a name also what breaks its line, and what nobody sees. Text keeps these: scripts of the world need them. */
const INVISIBLE = '\\t\\n\\r\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2060-\\u2064\\ufeff';

// A carriage return before a newline does nothing; any other one goes back over what is written.
const IN_TEXT = new RegExp(`[${CONTROLS}]|\\r(?!\\n)`, 'gu');
const IN_NAMES = new RegExp(`[${CONTROLS}${INVISIBLE}]`, 'gu');
const ANY_IN_TEXT = new RegExp(IN_TEXT.source, 'u');
const ANY_IN_NAMES = new RegExp(IN_NAMES.source, 'u');

/** As JSON would write it, so that JSON stays JSON: `\u001b`. */
function spelled(character: string): string {
  let text = '';
  for (let at = 0; at < character.length; at += 1) text += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return text;
}

/** Text of others with everything spelled out that a terminal would act on. Newlines and tabs stay. */
export const visibleText = (text: string): string => (ANY_IN_TEXT.test(text) ? text.replace(IN_TEXT, spelled) : text);

/** The same for what belongs on one line, such as a name: newlines, tabs and invisible characters are spelled out, too. */
export const visibleName = (text: string): string => (ANY_IN_NAMES.test(text) ? text.replace(IN_NAMES, spelled) : text);

/** Whether {@link visibleText} leaves it as it is. */
export const isPlainText = (text: string): boolean => !ANY_IN_TEXT.test(text);

/** Whether {@link visibleName} leaves it as it is. */
export const isPlainName = (text: string): boolean => !ANY_IN_NAMES.test(text);
