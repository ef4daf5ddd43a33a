/**
 * Characters that a terminal acts on or that disguise other text: C0 controls, DEL, C1 controls (a
 * one-character CSI or OSC), bidirectional overrides and isolates, line separators, invisible tags.
 */
const CONTROLS =
  '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029\\u{e0000}-\\u{e007f}';
/**
 * In names, also line breaks and invisible characters. Text keeps these: many scripts need them.
 */
const INVISIBLE = '\\t\\n\\r\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2060-\\u2064\\ufeff';

// A carriage return before a newline is harmless; any other one overwrites the line.
const IN_TEXT = new RegExp(`[${CONTROLS}]|\\r(?!\\n)`, 'gu');
const IN_NAMES = new RegExp(`[${CONTROLS}${INVISIBLE}]`, 'gu');
const ANY_IN_TEXT = new RegExp(IN_TEXT.source, 'u');
const ANY_IN_NAMES = new RegExp(IN_NAMES.source, 'u');

/** Escapes as JSON does (`\u001b`), so that JSON stays valid. */
function spelled(character: string): string {
  let text = '';
  for (let at = 0; at < character.length; at += 1) text += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return text;
}

/** Returns text with every character escaped that a terminal acts on. Newlines and tabs stay. */
export const visibleText = (text: string): string => (ANY_IN_TEXT.test(text) ? text.replace(IN_TEXT, spelled) : text);

/**
 * The same for text that belongs on one line, such as a name: newlines, tabs and invisible
 * characters are escaped too.
 */
export const visibleName = (text: string): string => (ANY_IN_NAMES.test(text) ? text.replace(IN_NAMES, spelled) : text);

/** Whether {@link visibleText} leaves the text unchanged. */
export const isPlainText = (text: string): boolean => !ANY_IN_TEXT.test(text);

/** Whether {@link visibleName} leaves the text unchanged. */
export const isPlainName = (text: string): boolean => !ANY_IN_NAMES.test(text);
