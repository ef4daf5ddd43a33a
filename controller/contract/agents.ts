import { z } from 'zod';
import { BRANCH_FORM, isBranch, isRepository, REPOSITORY_FORMS } from '../domain/agents/repository.ts';
import { fields, name, prose, wording } from './fields.ts';

/** A path of the API of its own (`/agents/running`). */
const RESERVED = 'running';

const note = () => prose(4096);
const repository = () => prose(2048).refine(isRepository, REPOSITORY_FORMS);
const branch = () => prose(255).refine(isBranch, BRANCH_FORM);

export const createAgent = fields({
  name: name().refine((one) => one !== RESERVED, `must not be "${RESERVED}"`),
  description: note().exactOptional(),
  purpose: note().exactOptional(),
  source_repo: repository().exactOptional(),
  source_branch: branch().exactOptional(),
});

/** A null clears what may be without; elsewhere it is as if it were absent. */
export const changeAgent = z.preprocess(
  dropNullSource,
  z.object(
    {
      description: note().nullable().exactOptional(),
      purpose: note().nullable().exactOptional(),
      source_repo: repository().exactOptional(),
      source_branch: branch().exactOptional(),
    },
    { error: wording },
  ),
);

function dropNullSource(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, inner]) => inner !== null || !key.startsWith('source_')));
}

const KNOWN = ['active', 'inactive', 'configured', 'building', 'running', 'stopped', 'error'];

export const putStatus = fields({
  status: z
    .string({ error: wording })
    .transform((status) => status.toLowerCase())
    .pipe(
      z.enum(['active', 'inactive', 'stopped'], {
        error: ({ input }) =>
          KNOWN.includes(`${input}`)
            ? `${input} is derived from what is and cannot be set: set active, inactive or stopped`
            : 'must be active, inactive or stopped',
      }),
    ),
});
