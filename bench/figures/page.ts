/** The page of benchmarks and its plots, from results.json. */
import { plot, shown } from './plot.ts';
import type { Goal, Results } from './results.ts';

/** What each benchmark tells a reader, in the order of the page. */
const SECTIONS: Readonly<Record<string, readonly [title: string, about: string]>> = {
  claim: [
    'Creating a session',
    'In a space in use, sessions are started ahead of need ([slots](life-cycle.md)). A new one takes a slot: the table shows the time from `POST /sessions` until its host has acknowledged it. The bare path is the same work without any rule: HTTP, a token, a commit with its sync, gRPC, the journal of the node, another commit.',
  ],
  cold: [
    'Without a slot',
    'The same when none is ready, beside the engine alone: create and start of the same container until a Node.js process printed its first line.',
  ],
  burst: [
    "Through E2B's SDK",
    'From `Sandbox.create()` until `node -v` has answered, as ComputeSDK measures it, one by one and many at once.',
  ],
  roundtrip: ['A message', 'From `POST /messages?wait` to the reply of an agent that echoes, beside a command in the same container.'],
  resume: ['Waking a session', 'From a message to its reply, by a session at rest.'],
  exec: ['A command', 'Commands run by `POST /exec`, and 200 MB of their output.'],
  e2b: ["A command through E2B's SDK", 'Beside the same login shell, timed inside the container.'],
  files: ['Files', '`raworc cp` and `docker cp`: one file of 200 MB, and 10,000 of 1,000 bytes.'],
  streams: ['Byte streams', 'One stream of 200 MB, and messages beside ten streams at once.'],
  messages: ['Many messages', 'Fifty sessions at once.'],
  footprint: [
    'Memory and processor time at rest',
    'Private memory (MiB) of what nobody else shares, beside a bare Node.js process in such a container.',
  ],
  placement: [
    'Placement',
    "Sessions placed on hollow nodes in the controller's process: admitted, committed with a sync, sent, acknowledged and committed again.",
  ],
};

const RIVALS = `| who | figure | source |
|---|---|---|
| CubeSandbox (KVM) | create 48 ms, p95 57; 50 at once p95 508; pause 88 | its blog, 1 June 2026, and release notes to 0.8 |
| Sandstorm (gVisor, Firecracker) | app of 64 MiB to its first answer 84–100 ms; Docker with gVisor 685 | deeplethe/forkd, benchmark of 30 October 2026 |
| mitos (Kubernetes) | claim p50 27 ms | its README, 2026 |
| Dormice (gVisor) | wake about 50 ms | its README, August 2026 |
| create → \`node -v\`, median (burst of 100) | declaw 42 ms (351), Daytona 186 (367), Archil 311, E2B 491 (822), Vercel 671, Modal 1,723 | computesdk/benchmarks, results of 5 May 2026 |
| Nomad | 3,750 placements/s (C1M), about 1,500 (C2M) | HashiCorp's reports |
`;

const HEAD = `# Benchmarks

Absolute times say little about another machine, so each benchmark runs beside something that you have: Docker itself, on the same machine, in the
same run, in turns. Run them where you want to know: \`npm run bench -- claim\`; \`npm run bench\` lists all. With \`--json\` the figures go to
\`bench/results.json\`, of which this page is made (\`node scripts/generate-benchmarks.ts\`). Times are milliseconds.

`;

export interface Page {
  readonly text: string;
  /** By name of the file below docs/benchmarks. */
  readonly plots: ReadonlyMap<string, string>;
}

export function benchmarksPage(results: Results): Page {
  const plots = new Map<string, string>();
  const sections = Object.entries(SECTIONS).flatMap(([name, [title, about]]) => {
    const result = results[name];
    if (result === undefined) return [];
    const tables = [...new Set(result.measured.map(({ table }) => table))].map((table, at) => {
      const rows = result.measured.filter((row) => row.table === table);
      const file = `${name}-${at + 1}.svg`;
      plots.set(file, plot(table, rows));
      const lines = rows.map(({ name: what, median, p95, p99 }) => `| ${what} | ${[median, p95, p99].map(shown).join(' | ')} |`);
      return `![${table}](benchmarks/${file})\n\n| ${table} | median | p95 | p99 |\n|---|---|---|---|\n${lines.join('\n')}\n`;
    });
    const { date, machine, load } = result;
    const where = `${date}, ${machine.cores} × ${machine.cpu}, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node.js ${machine.node}; load ${load[0]} before, ${load[1]} after.`;
    return [`## ${title}\n\n${about}\n\n${tables.join('\n')}${tables.length > 0 ? '\n' : ''}${goalLines(result.goals)}\n${where}\n`];
  });
  const rivals = `## What others publish\n\nClaimed by them, on their machines and for their isolation, not measured here.\n\n${RIVALS}`;
  return { text: `${HEAD}${sections.join('\n')}\n${rivals}`, plots };
}

function goalLines(goals: readonly Goal[]): string {
  const lines = goals.map(({ name, value, most, least }) => {
    if (most === undefined && least === undefined) return `- ${name}: **${Number(value.toPrecision(3))}**`;
    const isReached = most === undefined ? value >= (least ?? 0) : value <= most;
    return `- ${name}: **${Number(value.toPrecision(3))}** (goal: ${most === undefined ? `at least ${least}` : `at most ${Number(most.toPrecision(3))}`}; ${isReached ? 'reached' : 'not reached'})`;
  });
  return `${lines.join('\n')}\n`;
}
