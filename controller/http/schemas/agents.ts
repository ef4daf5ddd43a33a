import { fields, name, text } from '../validation.ts';

/** A path of the API of its own (`/agents/running`). */
const RESERVED = 'running';

export const createAgent = fields({
  name: name().refine((one) => one !== RESERVED, `must not be "${RESERVED}"`),
  description: text(4096).exactOptional(),
  purpose: text(4096).exactOptional(),
  source_repo: text(2048).exactOptional(),
  source_branch: text(255).exactOptional(),
});
