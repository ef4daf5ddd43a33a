/** A step of a stage: a program that runs, or a line for the engine, which runs nothing. */
export type Step =
  | { readonly kind: 'run'; readonly line: number; readonly shown: string; readonly argv: readonly string[] }
  | { readonly kind: 'engine'; readonly line: number; readonly shown: string; readonly copies: Copies | undefined };

/** What a COPY or ADD takes. */
export interface Copies {
  readonly word: 'COPY' | 'ADD';
  /** The stage or image that it copies from; undefined: the source. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
  readonly flags: readonly string[];
}

export interface DockerStage {
  readonly name: string | undefined;
  readonly from: string;
  readonly steps: readonly Step[];
}

export type ParsedDockerfile =
  | { readonly ok: true; readonly stages: readonly DockerStage[] }
  /** A clause for the user. */
  | { readonly ok: false; readonly reason: string };

const MAX_STEPS = 200;
const MAX_STAGES = 20;

/** They say how a container starts, which Raworc decides, or label an image, by which it finds its own. */
const IGNORED = new Set(['ENTRYPOINT', 'CMD', 'EXPOSE', 'VOLUME', 'HEALTHCHECK', 'STOPSIGNAL', 'LABEL', 'MAINTAINER']);
const SHELL = ['/bin/sh', '-c'];

interface Line {
  readonly at: number;
  readonly word: string;
  readonly rest: string;
}

/**
 * Reads a Dockerfile. What would reach beyond the build is refused: files, secrets and networks of
 * the host, and downloads by the engine itself. So is what engines do only with BuildKit, which
 * would run programs outside of the limits and address rules of builds.
 */
export function parseDockerfile(text: string): ParsedDockerfile {
  if (/^#\s*escape\s*=/im.test(text.split('\n', 3).join('\n'))) return no(1, 'the escape directive is not supported');
  const lines = linesOf(text);
  const args = new Map<string, string>();
  const stages: { name: string | undefined; from: string; steps: Step[] }[] = [];
  let shell: readonly string[] = SHELL;
  let declared: string[] = [];
  let steps = 0;
  for (const { at, word, rest } of lines) {
    steps += 1;
    if (steps > MAX_STEPS) return no(at, `it has more than ${MAX_STEPS} instructions`);
    const stage = stages.at(-1);
    if (/<<-?["']?[A-Za-z_]/.test(rest) && ['RUN', 'COPY', 'ADD'].includes(word))
      return no(at, `${word} with a here-document is not supported: write a script and COPY it`);
    if (word === 'FROM') {
      const found = /^((?:--\S+\s+)*)(\S+)(?:\s+as\s+([a-z0-9][\w.-]*))?$/i.exec(rest);
      if (found === null) return no(at, 'FROM needs an image');
      if (found[1] !== '') return no(at, `FROM ${found[1]?.trim()} is not supported`);
      if (stages.length >= MAX_STAGES) return no(at, `it has more than ${MAX_STAGES} stages`);
      const from = (found[2] ?? '').replace(/\$(?:\{(\w+)\}|(\w+))/g, (all, braced, bare) => args.get(braced ?? bare) ?? all);
      if (from.includes('$')) return no(at, `FROM ${from} has a variable without a value: give it one with ARG before the first FROM`);
      stages.push({ name: found[3]?.toLowerCase(), from, steps: [] });
      shell = SHELL;
      declared = [];
      continue;
    }
    if (word === 'ARG') {
      const [, name = '', value] = /^(\w+)(?:=(\S*))?$/.exec(rest) ?? [];
      if (name === '') return no(at, 'ARG must be NAME or NAME=VALUE, one in a line');
      const known = value === undefined ? args.get(name) : value.replace(/^(["'])(.*)\1$/, '$2');
      if (known !== undefined && /[$'\\]/.test(known)) return no(at, `ARG ${name} cannot refer to others or contain quotes`);
      if (stage === undefined) args.set(name, known ?? '');
      else if (known !== undefined) declared = [...declared, `${name}='${known}'`];
      continue;
    }
    if (stage === undefined) return no(at, `${word} stands before the first FROM`);
    if (IGNORED.has(word)) continue;
    const problem = judged(word, rest);
    if (problem !== undefined) return no(at, problem);
    const shown = `${word} ${rest}`;
    if (word === 'SHELL') {
      const list = listIn(rest);
      if (list === undefined || list.length === 0) return no(at, 'SHELL must be a list of strings');
      shell = list;
    } else if (word === 'RUN') {
      // A cache would only save time: the step runs without one.
      const command = rest.replace(/^(?:--mount=\S*\s+)*/, '');
      const list = listIn(command);
      const argv = list ?? [...shell, command];
      stage.steps.push({
        kind: 'run',
        line: at,
        shown,
        argv: declared.length === 0 ? argv : ['/usr/bin/env', ...declared.map(unquoted), ...argv],
      });
    } else {
      const copies = word === 'COPY' || word === 'ADD' ? copiesIn(word, rest) : undefined;
      if (typeof copies === 'string') return no(at, copies);
      // The engine replaces variables itself, within one of its builds.
      const before = declared.map((one) => `ARG ${one}\n`).join('');
      stage.steps.push({ kind: 'engine', line: at, shown: before + shown, copies });
    }
  }
  return stages.length === 0 ? no(1, 'it has no FROM') : { ok: true, stages };
}

const unquoted = (declaration: string) => declaration.replace(/'/g, '');

/** Returns why an instruction cannot be part of a build. */
function judged(word: string, rest: string): string | undefined {
  if (word === 'RUN') {
    const flags = /^(?:--\S+\s+)*/.exec(rest)?.[0].trim().split(/\s+/).filter(Boolean) ?? [];
    const refused = flags.find((flag) => mountOf(flag) !== 'cache');
    return refused === undefined ? undefined : `RUN ${refused} is not supported: ${INSTEAD_OF_RUN.get(mountOf(refused) ?? '') ?? BEYOND}`;
  }
  if (['COPY', 'ADD', 'ENV', 'WORKDIR', 'USER', 'SHELL'].includes(word)) return undefined;
  return `${word} is not supported`;
}

/** The kind of a --mount; undefined for another flag, or a kind that is written so that it cannot be told. */
function mountOf(flag: string): string | undefined {
  const [, options] = /^--mount=([^"'\\]*)$/.exec(flag) ?? [];
  if (options === undefined) return undefined;
  const types = options.split(',').filter((option) => option.startsWith('type='));
  if (types.length > 1) return undefined;
  // Docker's default.
  return types[0]?.slice('type='.length) ?? 'bind';
}

const BEYOND = 'builds reach no secrets, sockets or networks of the host';
const INSTEAD_OF_RUN = new Map([
  ['bind', 'COPY the files, from a stage if another step makes them'],
  ['tmpfs', 'write temporary files to /run, which is in memory and not in the image'],
]);

const COPY_FLAG = /^--(?:from=[\w.-]+|chown=[\w.:-]+)$/;

/** Flags that engines refuse without BuildKit, and what does the same. */
const INSTEAD_OF_COPY = new Map([
  ['chmod', 'change modes with a RUN after it'],
  ['link', 'leave it out'],
  ['parents', 'COPY each directory to its own target'],
  ['exclude', 'remove the files with a RUN after it, or name those to copy'],
  ['checksum', 'download files with RUN, and check them there'],
  ['keep-git-dir', 'clone the repository with RUN'],
  ['unpack', 'unpack archives with RUN'],
]);

function refusedFlag(word: string, flag: string): string {
  const instead = INSTEAD_OF_COPY.get(/^--([a-z-]+)(?:=|$)/.exec(flag)?.[1] ?? '');
  return `${word} ${flag} is not supported${instead === undefined ? '' : `: ${instead}`}`;
}

/** Returns what an instruction copies, or why it cannot be part of a build. */
function copiesIn(word: Copies['word'], rest: string): Copies | string {
  const flags: string[] = [];
  let left = rest;
  for (let flag = /^(--\S+)\s+/.exec(left); flag !== null; flag = /^(--\S+)\s+/.exec(left)) {
    flags.push(flag[1] ?? '');
    left = left.slice(flag[0].length);
  }
  const parts = listIn(left) ?? left.split(/\s+/).filter(Boolean);
  const [sources, target] = [parts.slice(0, -1), parts.at(-1)];
  if (target === undefined || sources.length === 0) return `${word} needs at least a source and a target`;
  const refused = flags.find((flag) => !COPY_FLAG.test(flag));
  if (refused !== undefined) return refusedFlag(word, refused);
  // The engine would download it itself. It takes off quotes and replaces variables first.
  if (word === 'ADD' && sources.some((source) => /[:$'"\\]/.test(source)))
    return 'ADD with a URL, a variable or quotes is not supported: download files with RUN, or COPY them';
  const from = flags.filter((flag) => flag.startsWith('--from='));
  if (from.length > 1) return `${word} has several --from`;
  return { word, from: from[0]?.slice('--from='.length), sources, target, flags: flags.filter((flag) => !from.includes(flag)) };
}

/**
 * Returns the line for the engine, which must not read more in it than was understood here: an
 * engine takes quotes and backslashes out of flags, too.
 */
export function copyLine({ word, sources, target, flags }: Copies, from: string | undefined): string {
  const all = from === undefined ? flags : [`--from=${from}`, ...flags];
  return `${[word, ...all].join(' ')} ${JSON.stringify([...sources, target])}`;
}

function listIn(text: string): readonly string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the instructions, with continued lines joined and comments left out. */
function linesOf(text: string): readonly Line[] {
  const found: Line[] = [];
  let [begun, parts]: [number, string[]] = [0, []];
  const end = () => {
    const whole = parts.join(' ').trim();
    const space = whole.search(/\s|$/);
    if (whole !== '') found.push({ at: begun, word: whole.slice(0, space).toUpperCase(), rest: whole.slice(space).trim() });
    parts = [];
  };
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd();
    if (/^\s*#/.test(line) || (parts.length > 0 && line.trim() === '')) continue;
    if (parts.length === 0) begun = index + 1;
    const continues = line.endsWith('\\');
    parts.push(continues ? line.slice(0, -1).trimEnd() : line);
    if (!continues) end();
  }
  end();
  return found;
}

const no = (line: number, reason: string): ParsedDockerfile => ({ ok: false, reason: `Dockerfile, line ${line}: ${reason}` });
