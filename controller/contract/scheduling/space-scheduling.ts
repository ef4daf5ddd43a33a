/** How a space wants its sessions placed. */
import { z } from 'zod';
import { type Infer, looseFields } from '../fields.ts';
import { constraints, preferences } from './label-rules.ts';

export const STRATEGIES = ['spread', 'pack'] as const;
export type Strategy = (typeof STRATEGIES)[number];
export const ANTI_AFFINITIES = ['none', 'preferred', 'required'] as const;

/** The setting `scheduling` of a space. */
export const scheduling = looseFields({
  constraints: constraints().exactOptional().describe('Apply to every new session, beside its own'),
  preferences: preferences().exactOptional().describe('Apply to every new session, beside its own'),
  strategy: z
    .enum(STRATEGIES, { error: `must be one of ${STRATEGIES.join(', ')}` })
    .exactOptional()
    .describe('`spread` (the default) places sessions on the emptiest node, `pack` on the fullest that has room'),
  anti_affinity: z
    .enum(ANTI_AFFINITIES, { error: `must be one of ${ANTI_AFFINITIES.join(', ')}` })
    .exactOptional()
    .describe('`preferred`: nodes with fewer sessions of the space come first. `required`: at most one session of the space per node'),
});
export type Scheduling = Infer<typeof scheduling>;
