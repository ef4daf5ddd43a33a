/** As seams/terminal-text.ts, for what runs before Node.js 24 is there; a test compares the two. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029\u{e0000}-\u{e007f}]|\r(?!\n)/gu;
/** The colours of scripts/terminal.mjs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const COLOURS = /(\u001b\[(?:0|1|2|31|32|33|36)m)/;

const units = (character) => [...Array(character.length).keys()].map((at) => character.charCodeAt(at).toString(16).padStart(4, '0'));

export const visible = (text) =>
  text.replace(CONTROLS, (character) =>
    units(character)
      .map((unit) => `\\u${unit}`)
      .join(''),
  );

/** The same, but for our own colours. */
export const visibleButColours = (text) =>
  text
    .split(COLOURS)
    .map((part, at) => (at % 2 === 1 ? part : visible(part)))
    .join('');
