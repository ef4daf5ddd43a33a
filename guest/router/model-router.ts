import type { Router__Output as Task } from '../../proto/generated/raworc/v0/Router.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import { errorEnd } from '../runs/run-end.ts';
import { limitRun } from '../runs/run-limit.ts';
import { MAX_REPLY_BYTES, type RunEnd, type RunOutput, type RunRequest, type Worker, type WorkerEnd } from '../runs/worker-host.ts';
import { apiOf } from './apis.ts';
import { callWithRetries } from './call-with-retries.ts';
import { agentIn } from './hand-over.ts';
import type { ModelReply, ModelSettings, Prompt } from './model-api.ts';
import { callModel } from './model-call.ts';
import { ModelError } from './model-error.ts';
import { askedAgain, promptOf } from './prompt.ts';
import { ReplyPieces } from './reply-pieces.ts';

/** How often the model is asked for one message, beside retries: once more after an impossible choice. */
const QUESTIONS = 2;

interface RouterDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Asks the space's model who answers a message. The run ends with its choice, a hand-over, or with
 * its own answer. It has no effect outside, so a run that a crash interrupted can be repeated.
 */
export class ModelRouter implements Worker {
  readonly #task: Task;
  readonly #key: string | undefined;
  readonly #deps: RouterDeps;
  readonly #ending = new AbortController();

  /** `secrets` are those of the space, by name. */
  constructor(task: Task, secrets: Readonly<Record<string, string>>, deps: RouterDeps) {
    this.#task = task;
    // Keys are often piped in with a line break.
    this.#key = task.keySecret === '' ? '' : secrets[task.keySecret]?.trim();
    this.#deps = deps;
  }

  get alive(): boolean {
    return !this.#ending.signal.aborted;
  }

  kill(): void {
    this.#ending.abort(new ModelError('interrupted', 'The session was suspended before the model answered.'));
  }

  interrupt(): void {
    this.kill();
  }

  async run(request: RunRequest, output: RunOutput): Promise<WorkerEnd> {
    const { keySecret, timeoutS } = this.#task;
    if (this.#key === undefined)
      return errorEnd(
        'model_unauthorized',
        `The space has no secret ${keySecret}, which settings.model names. Create it (\`raworc secret set --space SPACE ${keySecret}\`), then send the message again.`,
      );
    if (keySecret !== '' && !/^[!-~]+$/.test(this.#key))
      return errorEnd(
        'model_unauthorized',
        `The secret ${keySecret}, which settings.model names, is empty or has characters that no key has.`,
      );
    const { clock } = this.#deps;
    const startedMs = clock.monotonic();
    const late = () =>
      this.#ending.abort(new ModelError('model_timeout', `The model did not answer within ${timeoutS} s (settings.model.timeout_s).`));
    const limit = limitRun(late, clock, timeoutS * 1000);
    try {
      const leftMs = () => timeoutS * 1000 - (clock.monotonic() - startedMs);
      return await this.#ask(request, output, this.#key, leftMs);
    } catch (fault) {
      if (fault instanceof ModelError) return errorEnd(fault.reason, fault.message);
      throw fault;
    } finally {
      limit.cancel();
      this.#ending.abort();
    }
  }

  async #ask({ message, contextJson }: RunRequest, output: RunOutput, key: string, leftMs: () => number): Promise<WorkerEnd> {
    let prompt = promptOf(this.#task, message, contextJson);
    const pieces = new ReplyPieces((text) => output.delta(text), prompt.agents.length > 0);
    for (let question = 1; ; question += 1) {
      const reply = await this.#call(prompt, pieces, key, leftMs);
      const [call] = reply.calls;
      if (call === undefined || reply.end === 'refused') {
        if (reply.end !== 'refused') pieces.release();
        return this.#answered(reply);
      }
      const agent = agentIn(call);
      if (prompt.agents.includes(agent)) return { outcome: 'handoff', agent, content: message };
      if (question === QUESTIONS)
        return errorEnd(
          'model_failed',
          `The model ${this.#task.model} chose an agent that does not exist ("${agent.slice(0, 64)}"), twice. Begin the message with @name to choose one yourself.`,
        );
      prompt = askedAgain(prompt, agent.slice(0, 64), reply.text);
    }
  }

  #call(prompt: Prompt, pieces: ReplyPieces, key: string, leftMs: () => number): Promise<ModelReply> {
    const { api: name, baseUrl, model, keySecret, maxTokens } = this.#task;
    const api = apiOf(name);
    if (api === undefined)
      throw new ModelError(
        'model_failed',
        `This session does not know the API "${name}" of settings.model. Suspend and resume it to upgrade it.`,
      );
    const settings: ModelSettings = { api: name, baseUrl, model, key, keySecret, maxTokens };
    const { signal } = this.#ending;
    return callWithRetries(
      () => {
        pieces.begin();
        return callModel(api, settings, prompt, { signal, onText: (text) => pieces.add(text) });
      },
      { ...this.#deps, signal, leftMs },
    );
  }

  #answered({ text, end }: ModelReply): RunEnd {
    const { model } = this.#task;
    if (end === 'refused') return errorEnd('model_refused', text || `The model ${model} declined to answer this message.`);
    if (text.trim() === '') {
      const why =
        end === 'cut' ? 'reached the limit of tokens before it answered. Raise settings.model.max_tokens' : 'gave an empty answer';
      return errorEnd('model_failed', `The model ${model} ${why}.`);
    }
    const content = end === 'cut' ? `${text}\n\n[The answer ends here: it reached the limit of tokens.]` : text;
    return Buffer.byteLength(content) > MAX_REPLY_BYTES ? errorEnd('reply_too_large') : { outcome: 'reply', content, model };
  }
}
