/** The model of a space, which answers messages or chooses the agent that does. */
import { z } from 'zod';
import { flag, type Infer, looseFields, whole, wording } from '../fields.ts';
import { isSecretName } from '../secrets.ts';

export const MODEL_APIS = ['anthropic', 'openai'] as const;
const MAX_URL_LENGTH = 2048;
/** Seconds for one message, repeated calls included. */
export const MODEL_TIMEOUT_S = { least: 1, most: 300, default: 60 } as const;

/** Without credentials, query and fragment: paths are added to it, and everybody who sees the space reads it. */
function isBaseUrl(sent: string): boolean {
  const url = URL.parse(sent);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') return false;
  return url.username === '' && url.password === '' && !/[?#\s]/.test(sent);
}

/** The setting `model` of a space. */
export const spaceModel = looseFields({
  api: z
    .enum(MODEL_APIS, { error: `must be one of ${MODEL_APIS.join(', ')}` })
    .describe('What the server speaks: `anthropic` for POST {base_url}/v1/messages, `openai` for POST {base_url}/chat/completions'),
  base_url: z
    .string({ error: wording })
    .max(MAX_URL_LENGTH, `must have at most ${MAX_URL_LENGTH} characters`)
    .refine(isBaseUrl, 'must be an http or https URL without credentials, query and fragment')
    .exactOptional()
    .describe('Of a self-hosted or compatible server. Default: the public one of the API, such as https://api.openai.com/v1'),
  model: z.string({ error: wording }).regex(/^[!-~]{1,255}$/, 'must have 1 to 255 printable ASCII characters without spaces'),
  key_secret: z
    .string({ error: wording })
    .refine(isSecretName, 'must be the name of a secret')
    .exactOptional()
    .describe('Name of the secret of the space with the key. Left out: the server needs none'),
  share_key: flag().exactOptional().describe('Agents get that secret in their environment too. Default: false'),
  max_tokens: whole(1, 1_000_000).exactOptional().describe("Of an answer. Default: the API's own, 4096 with `anthropic`"),
  timeout_s: whole(MODEL_TIMEOUT_S.least, MODEL_TIMEOUT_S.most)
    .exactOptional()
    .describe(`For a choice or an answer, repeated calls included. Default: ${MODEL_TIMEOUT_S.default}`),
});
export type SpaceModel = Infer<typeof spaceModel>;
