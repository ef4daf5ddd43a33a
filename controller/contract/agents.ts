import { z } from 'zod';
import { fields, type Infer, name, prose, time, wording } from './fields.ts';
import { BRANCH_FORM, DIRECTORY_FORM, isBranch, isRepository, isRepositoryDirectory, REPOSITORY_FORMS } from './repository.ts';
import { secretKey } from './secrets.ts';

/** Reserved, because it is a path segment of the API (`/agents/running`). */
const RESERVED = 'running';

const note = () => prose(4096);
const repository = () => prose(2048).refine(isRepository, REPOSITORY_FORMS);
const branch = () => prose(255).refine(isBranch, BRANCH_FORM);
const directory = () => prose(1024).refine(isRepositoryDirectory, DIRECTORY_FORM);

export const createAgent = fields({
  name: name().refine((sent) => sent !== RESERVED, `must not be "${RESERVED}"`),
  description: note().exactOptional(),
  purpose: note().exactOptional(),
  source_repo: repository().exactOptional(),
  source_branch: branch().exactOptional(),
  source_directory: directory().exactOptional(),
  source_secret: secretKey().exactOptional(),
});
export type CreateAgent = Infer<typeof createAgent>;

export const changeAgent = fields(
  {
    description: note().nullable().exactOptional(),
    purpose: note().nullable().exactOptional(),
    source_repo: repository().exactOptional(),
    source_branch: branch().exactOptional(),
    source_directory: directory().nullable().exactOptional(),
    source_secret: secretKey().nullable().exactOptional(),
  },
  ['description', 'purpose', 'source_directory', 'source_secret'],
);
export type ChangeAgent = Infer<typeof changeAgent>;

const status = z.enum(['active', 'inactive', 'configured', 'building', 'running', 'stopped', 'error']);

/** Clients can set these. The others follow from builds and workers. */
const settable = z.enum(['active', 'inactive', 'stopped'], {
  error: ({ input }) =>
    status.safeParse(input).success
      ? `${input} is derived and cannot be set: use active, inactive or stopped`
      : 'must be active, inactive or stopped',
});
export type SettableStatus = z.infer<typeof settable>;

export const putStatus = fields({
  status: z
    .string({ error: wording })
    .transform((sent) => sent.toLowerCase())
    .pipe(settable),
});

export const agentObject = z
  .strictObject({
    name: z.string(),
    space: z.string(),
    description: z.string().nullable(),
    purpose: z.string().nullable(),
    source_repo: z.string().nullable(),
    source_branch: z.string().describe('A branch, a tag, a commit, or HEAD: the default branch of the repository'),
    source_directory: z.string().nullable().describe('The directory of the repository that contains the agent. Null: its root'),
    source_secret: z.string().nullable().describe('The secret of the space with the token or deploy key of the repository'),
    source_commit: z.string().nullable().describe('The commit that was fetched last. Null: none, or the source was uploaded'),
    status,
    created_at: time(),
    updated_at: time(),
    created_by: z.string(),
  })
  .meta({ id: 'Agent' });
export type AgentObject = Infer<typeof agentObject>;

export const runningAgentObject = z
  .strictObject({
    name: z.string(),
    status,
    started_at: time().describe('When its oldest live worker started'),
    sessions: z.int().min(1).describe('Number of sessions with a live worker of the agent'),
  })
  .meta({ id: 'RunningAgent' });
export type RunningAgentObject = Infer<typeof runningAgentObject>;

export const sourceObject = z
  .strictObject({
    agent: z.string(),
    space: z.string(),
    digest: z.string(),
    size_bytes: z.int().min(0),
    files: z.int().min(0),
    runtime: z.string(),
    handler: z.string(),
    created_at: time(),
  })
  .meta({ id: 'Source' });
export type SourceObject = Infer<typeof sourceObject>;
