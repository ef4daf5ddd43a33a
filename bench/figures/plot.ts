/** Draws measured times as bars, in SVG. */
import type { Measured } from './results.ts';

const WIDTH = 760;
const NAMES = 290;
const ROW = 26;
const HEAD = 34;
const FOOT = 12;
const BARS = WIDTH - NAMES - 110;
const COLOURS = { ours: '#2563eb', peer: '#94a3b8', tail: '#475569', text: '#1e293b', ground: '#ffffff' };

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
export const shown = (ms: number): string => (ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en-US'));

/** Whether a row is what Raworc is compared with. */
export const isPeer = ({ name }: Pick<Measured, 'name'>): boolean => /docker|bash -l|bare path/i.test(name);

/** Returns a bar to the median of each row, and a line to its p99, on one scale. */
export function plot(title: string, rows: readonly Measured[]): string {
  const most = Math.max(...rows.map(({ p99 }) => p99));
  const x = (ms: number) => (NAMES + (ms / most) * BARS).toFixed(1);
  const height = HEAD + rows.length * ROW + FOOT;
  const lines = rows.map((row, at) => {
    const top = HEAD + at * ROW;
    const middle = top + ROW / 2;
    const label = `<text x="${NAMES - 10}" y="${middle + 4}" text-anchor="end">${escaped(row.name)}</text>`;
    const width = (Number(x(row.median)) - NAMES).toFixed(1);
    const bar = `<rect x="${NAMES}" y="${top + 4}" width="${width}" height="${ROW - 8}" fill="${isPeer(row) ? COLOURS.peer : COLOURS.ours}"/>`;
    const tail = `<line x1="${x(row.median)}" y1="${middle}" x2="${x(row.p99)}" y2="${middle}" stroke="${COLOURS.tail}" stroke-width="1.5"/>`;
    const value = `<text x="${Number(x(row.p99)) + 8}" y="${middle + 4}">${shown(row.median)} ms</text>`;
    return [label, bar, tail, value].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="${COLOURS.text}">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${height}" fill="${COLOURS.ground}"/>
<text x="16" y="22" font-size="14" font-weight="600">${escaped(title)}: median, and a line to the p99</text>
${lines.join('\n')}
</svg>
`;
}
