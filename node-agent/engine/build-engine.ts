/** The image that an agent brings, with its digest. */
export interface OwnBase {
  readonly agent: string;
  readonly image: string;
}

export type BuildOutcome =
  | { readonly ok: true; readonly imageId: string; readonly ownBase?: OwnBase | undefined }
  | { readonly ok: false; readonly reason: string };

/** A program that a build runs, as an unprivileged user, with the limits and address rules of sessions. */
export interface JobPlan {
  readonly buildId: string;
  readonly space: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where it can write, as its working directory. Undefined: only in /tmp and /session. */
  readonly directory?: string | undefined;
  /** What it reads from standard input. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Called with its standard error, as it comes. */
  readonly print?: ((output: Uint8Array) => void) | undefined;
  /**
   * A step of a Dockerfile: it runs as the image's user, also as root, can write everywhere in the
   * image, and can be committed. It has few capabilities, and no input.
   */
  readonly isStep?: boolean | undefined;
}

export interface JobEnd {
  readonly code: number;
  /** The limit that ended it. */
  readonly exceeded?: 'memory' | 'disk' | undefined;
  /** The last lines that it printed to standard error. */
  readonly lastLines: string;
}

export interface Job {
  /** Its standard output. A job that prints more than a little waits for a reader. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves with true at its first output, with false if it ends without. */
  readonly began: Promise<boolean>;
  readonly ended: Promise<JobEnd>;
  /** Makes an image of what a step has changed, and returns its ID. Call it after the end. */
  commit?(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string>;
  /** Ends it and removes all that it left behind. */
  close(): Promise<void>;
}

/** `digest` names an image for good; `reason` is a clause for the user. */
export type FoundImage =
  | { readonly ok: true; readonly imageId: string; readonly digest: string }
  | { readonly ok: false; readonly reason: string };

export interface StagePlan {
  /** Later builds can start from it or copy from it. */
  readonly isReused: boolean;
  /** Added after its last line, each in a step of its own. Labels in the Dockerfile are one step. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** A tar: a Dockerfile and what it copies. Destroying it ends the build. */
  readonly context: NodeJS.ReadableStream;
}

/** An image that later builds can start from. */
export interface FoundStage {
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What builds with dependencies and checks need of an engine. */
export interface BuildEngine {
  /** The version of the npm that jobs find at NPM. */
  readonly npmVersion: string;
  /** Labels of all that this node builds, so that `sweep` finds it. */
  readonly marks: Readonly<Record<string, string>>;
  /** Whether the operator allows Dockerfiles. */
  readonly takesDockerfiles: boolean;
  /** Returns an image that the operator allows as a base, after a pull if it is missing. */
  baseImage(name: string, signal: AbortSignal): Promise<FoundImage>;
  /** Throws if the job cannot be started. */
  start(plan: JobPlan, signal: AbortSignal): Promise<Job>;
  /**
   * Builds an image without a name. It goes with the last image that starts from it, or by
   * `discard`.
   */
  stage(plan: StagePlan, signal: AbortSignal): Promise<BuildOutcome>;
  /** Removes an image without a name, unless another one starts from it. Also after an abort. */
  discard(imageId: string): Promise<void>;
  name(imageId: string, image: string, signal: AbortSignal): Promise<void>;
  /** Keeps a builder image under this name, and removes all but the newest few of its kind. */
  keepBuilder(kind: string, imageId: string, image: string, signal: AbortSignal): Promise<void>;
  /**
   * Returns the newest image with these labels of those stages and builder images that `stage` built. Others can have any label:
   * whoever pushes an image writes its labels, and those that are pulled serve other spaces too.
   */
  stageWith(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string | undefined>;
  /** Returns all such images with these labels, the newest first. */
  stages(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly FoundStage[]>;
  /**
   * Removes images without a name that interrupted builds left behind, and returns how many. Call it
   * only while nothing is built.
   */
  tidy(signal: AbortSignal): Promise<number>;
  /** Removes all that builds of an earlier process left behind. */
  sweep(signal: AbortSignal): Promise<void>;
}
