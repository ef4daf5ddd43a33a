/** The model of a space, with the value of its key. */
export interface ModelSettings {
  readonly api: string;
  readonly baseUrl: string;
  readonly model: string;
  /** '': the server needs none. */
  readonly key: string;
  /** Name of the secret with the key, for error messages. '': none is set. */
  readonly keySecret: string;
  /** 0: the API's own limit. */
  readonly maxTokens: number;
}

export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export interface Prompt {
  readonly system: string;
  /** Begins with a user, who alternates with the assistant. */
  readonly turns: readonly Turn[];
  /** The agents that the model can choose. Without any, it gets no tool. */
  readonly agents: readonly string[];
}

export interface ToolCall {
  readonly name: string;
  /** JSON, as the model wrote it: it can be malformed. */
  readonly input: string;
}

export interface ModelReply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** `cut`: it reached the limit of tokens. `refused`: the model or its provider declined. */
  readonly end: 'complete' | 'cut' | 'refused';
}

export interface ModelRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Collects a reply from the parts of a stream. */
export interface ReplyReader {
  /**
   * Takes the next part and returns the text that it adds. Throws {@link StreamFailure} if it reports
   * one.
   */
  take(part: unknown): string;
  /** Whether the stream said that the reply is complete. */
  readonly isComplete: boolean;
  /** Whether nothing follows. Some servers keep the connection open. */
  readonly isOver: boolean;
  reply(): ModelReply;
}

/** One of the two APIs that model servers speak. */
export interface ModelApi {
  request(settings: ModelSettings, prompt: Prompt): ModelRequest;
  stream(): ReplyReader;
  /** Returns the reply in a body that is not streamed; undefined if there is none. */
  whole(body: unknown): ModelReply | undefined;
}
