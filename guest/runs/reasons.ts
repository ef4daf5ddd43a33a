/** Why a message was answered with an error: a closed list that clients and the controller know. */
export const REASONS = {
  agent_unknown: 'The session has no agent of that name.',
  agent_not_started: "The agent's program could not be started or its handler could not be loaded.",
  agent_failed: "The agent's handler raised an error.",
  agent_died: "The agent's process ended before it answered.",
  out_of_memory: "The agent's process was killed: the session reached its memory limit.",
  memory_limit: "The agent's processes were killed: they used more memory than the agent's own limit.",
  process_limit: "The agent's processes were killed: the session's agents had more processes and threads than its limit.",
  agent_timeout: 'The agent did not answer within the time limit of a run.',
  reply_too_large: 'The reply is longer than 1 MiB.',
  unsupported_runtime: 'This version cannot run agents of that runtime.',
  agent_stopped: 'The agent was stopped before it answered.',
  cancelled: 'The message was cancelled before it was answered.',
  interrupted: 'The session was suspended before the agent answered.',
  disk_full: "The session's volume has no room for the message or its answer.",
  model_unauthorized: "The server of the space's model refused the key, or the space has none.",
  model_not_found: "The server of the space's model does not have that model.",
  model_rate_limited: "The server of the space's model takes no more requests for now.",
  model_unreachable: "The server of the space's model cannot be reached from the session.",
  model_timeout: 'The model did not answer within its time limit.',
  model_refused: 'The model declined to answer the message.',
  model_failed: 'The model gave no usable answer.',
} as const;

export type Reason = keyof typeof REASONS;
