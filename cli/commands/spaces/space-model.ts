/** The model of a space, which chooses the agent of a message or answers it. */
import type { Raworc } from '../../../sdk/raworc.ts';
import { type Io, Trouble, table } from '../../io.ts';

export const APIS = ['anthropic', 'openai'] as const;

type Settings = NonNullable<NonNullable<Parameters<Raworc['spaces']['update']>[1]>['settings']>;
type Model = NonNullable<Settings['model']>;

export interface ModelOptions {
  readonly api?: (typeof APIS)[number];
  readonly model?: string;
  readonly baseUrl?: string;
  readonly keySecret?: string;
  readonly shareKey?: boolean;
  readonly maxTokens?: number;
  readonly timeout?: number;
  readonly clear?: boolean;
}

/** Changes the model of a space, and prints it. */
export async function setModel(io: Io, raworc: Raworc, name: string, options: ModelOptions): Promise<void> {
  const { api, model, baseUrl, keySecret, shareKey, maxTokens, timeout, clear = false } = options;
  const changes: Partial<Model> = {
    ...(api && { api }),
    ...(model && { model }),
    ...(baseUrl && { base_url: baseUrl }),
    ...(keySecret && { key_secret: keySecret }),
    ...(shareKey !== undefined && { share_key: shareKey }),
    ...(maxTokens && { max_tokens: maxTokens }),
    ...(timeout && { timeout_s: timeout }),
  };
  const { settings } = await raworc.spaces.get(name);
  const { model: before, ...others } = settings as Settings;
  const isChange = Object.keys(changes).length > 0;
  const after = isChange ? whole({ ...(clear ? {} : before), ...changes }) : clear ? undefined : before;
  if (clear || isChange) await raworc.spaces.update(name, { settings: after === undefined ? others : { ...others, model: after } });
  if (after === undefined) io.stdout.line(`${name} has no model: a message that names no agent goes to the only active one`);
  else io.stdout.write(table(rowsOf(after)));
}

function whole({ api, model, ...others }: Partial<Model>): Model {
  if (api === undefined || model === undefined) throw new Trouble('A model needs --api and --model.');
  return { api, model, ...others };
}

const rowsOf = ({ api, model, base_url, key_secret, share_key, max_tokens, timeout_s }: Model) => [
  ['api', api] as const,
  ['model', model] as const,
  ['base URL', base_url ?? `the public one of ${api}`] as const,
  ['key', key_secret === undefined ? 'none' : `the secret ${key_secret}${share_key === true ? ', shared with agents' : ''}`] as const,
  ['max tokens', max_tokens === undefined ? '-' : String(max_tokens)] as const,
  ['timeout', `${timeout_s ?? 60} s`] as const,
];
