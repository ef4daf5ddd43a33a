// This file is written by scripts/generate-sdk.ts from the routes.

import type { ByMetadata, CallOptions, Caller, Keyed, With, WithoutPage } from '../caller.ts';
import type * as api from './types.gen.ts';

const part = encodeURIComponent;

const server = (caller: Caller) => ({
  /**
   * Returns whether the controller can serve requests; 503 if it cannot.
   *
   * `degraded` means that the controller serves requests, but something costs latency or capacity. `degraded` counts it by kind (`bus`, `reader`, `disk_low`, `nodes_unschedulable`).
   *
   * Permission: public.
   */
  health: (options?: CallOptions): Promise<api.GetHealthResponse> => caller.call({ method: 'GET', path: `/health` }, options),
  /**
   * Returns the version of the controller and of the API.
   *
   * Permission: public.
   */
  version: (options?: CallOptions): Promise<api.GetVersionResponse> => caller.call({ method: 'GET', path: `/version` }, options),
  /**
   * Returns this API as an OpenAPI 3.1 document.
   *
   * Permission: public.
   */
  document: (options?: CallOptions): Promise<api.GetDocumentResponse> => caller.call({ method: 'GET', path: `/openapi.json` }, options),
});

const auth = (caller: Caller) => ({
  /**
   * Returns a token, valid for 24 hours. Repeated wrong passwords are delayed, then refused.
   *
   * Permission: public.
   */
  login: (body: api.LoginData['body'], options?: CallOptions): Promise<api.LoginResponse> => caller.call({ method: 'POST', path: `/auth/login`, body }, options),
  /**
   * Returns the caller, its roles, and where they apply.
   *
   * Permission: self.
   */
  me: (options?: CallOptions): Promise<api.MeResponse> => caller.call({ method: 'GET', path: `/auth/me` }, options),
  /**
   * Returns a new token, valid for 24 hours. The current token stays valid until it expires.
   *
   * Permission: self.
   */
  refresh: (options?: CallOptions): Promise<api.RefreshResponse> => caller.call({ method: 'POST', path: `/auth/refresh` }, options),
  /**
   * Revokes this token, or every token of the account, and closes the streams opened with it.
   *
   * Permission: self.
   */
  logout: (body?: api.LogoutData['body'], options?: CallOptions): Promise<api.LogoutResponse> => caller.call({ method: 'POST', path: `/auth/logout`, body }, options),
});

const serviceAccounts = (caller: Caller) => ({
  /**
   * Returns the service accounts.
   *
   * Permission: service-accounts:list.
   */
  list: (options?: With<api.ListServiceAccountsData['query']>): Promise<api.ListServiceAccountsResponse> => caller.call({ method: 'GET', path: `/service-accounts` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListServiceAccountsData['query']>): AsyncGenerator<api.ListServiceAccountsResponse[number], void> => caller.all({ method: 'GET', path: `/service-accounts` }, options),
  /**
   * Creates a service account. It can do nothing until a role is bound to it.
   *
   * Permission: service-accounts:create.
   */
  create: (body: api.CreateServiceAccountData['body'], options?: CallOptions): Promise<api.CreateServiceAccountResponse> => caller.call({ method: 'POST', path: `/service-accounts`, body }, options),
  /**
   * Returns a service account, by id or user name.
   *
   * Permission: service-accounts:get.
   */
  get: (serviceAccount: string, options?: CallOptions): Promise<api.GetServiceAccountResponse> => caller.call({ method: 'GET', path: `/service-accounts/${part(serviceAccount)}` }, options),
  /**
   * Updates a service account. Deactivating it revokes its tokens at once.
   *
   * Permission: service-accounts:update.
   */
  update: (serviceAccount: string, body?: api.UpdateServiceAccountData['body'], options?: CallOptions): Promise<api.UpdateServiceAccountResponse> => caller.call({ method: 'PUT', path: `/service-accounts/${part(serviceAccount)}`, body }, options),
  /**
   * Deletes a service account with its role bindings and API keys.
   *
   * The caller cannot delete itself, and nobody can delete the last admin.
   *
   * Permission: service-accounts:delete.
   */
  delete: (serviceAccount: string, options?: CallOptions): Promise<api.DeleteServiceAccountResponse> => caller.call({ method: 'DELETE', path: `/service-accounts/${part(serviceAccount)}` }, options),
  /**
   * Sets the password and revokes older tokens. Your own account also needs the current password.
   *
   * With service-accounts:update the current password is not needed. An account with more permissions than the caller is a 403.
   *
   * Permission: self or service-accounts:update.
   */
  updatePassword: (serviceAccount: string, body: api.UpdateServiceAccountPasswordData['body'], options?: CallOptions): Promise<api.UpdateServiceAccountPasswordResponse> => caller.call({ method: 'PUT', path: `/service-accounts/${part(serviceAccount)}/password`, body }, options),
});

const roles = (caller: Caller) => ({
  /**
   * Returns the roles, including built-in ones.
   *
   * Permission: roles:list.
   */
  list: (options?: With<api.ListRolesData['query']>): Promise<api.ListRolesResponse> => caller.call({ method: 'GET', path: `/roles` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListRolesData['query']>): AsyncGenerator<api.ListRolesResponse[number], void> => caller.all({ method: 'GET', path: `/roles` }, options),
  /**
   * Creates a role. It grants nothing until it is bound to an account.
   *
   * Permission: roles:create.
   */
  create: (body: api.CreateRoleData['body'], options?: Keyed): Promise<api.CreateRoleResponse> => caller.call({ method: 'POST', path: `/roles`, body, isKeyed: true }, options),
  /**
   * Returns a role, by id or name.
   *
   * Permission: roles:get.
   */
  get: (role: string, options?: CallOptions): Promise<api.GetRoleResponse> => caller.call({ method: 'GET', path: `/roles/${part(role)}` }, options),
  /**
   * Deletes a role and its bindings. Built-in roles cannot be deleted.
   *
   * Permission: roles:delete.
   */
  delete: (role: string, options?: CallOptions): Promise<api.DeleteRoleResponse> => caller.call({ method: 'DELETE', path: `/roles/${part(role)}` }, options),
});

const roleBindings = (caller: Caller) => ({
  /**
   * Returns role bindings: which account has which role, and where.
   *
   * Permission: role-bindings:list.
   */
  list: (options?: With<api.ListRoleBindingsData['query']>): Promise<api.ListRoleBindingsResponse> => caller.call({ method: 'GET', path: `/role-bindings` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListRoleBindingsData['query']>): AsyncGenerator<api.ListRoleBindingsResponse[number], void> => caller.all({ method: 'GET', path: `/role-bindings` }, options),
  /**
   * Binds a role to an account, in one space or in all.
   *
   * Nobody can grant more than they hold themselves.
   *
   * Permission: role-bindings:create.
   */
  create: (body: api.CreateRoleBindingData['body'], options?: Keyed): Promise<api.CreateRoleBindingResponse> => caller.call({ method: 'POST', path: `/role-bindings`, body, isKeyed: true }, options),
  /**
   * Returns a role binding.
   *
   * Permission: role-bindings:get.
   */
  get: (roleBinding: string, options?: CallOptions): Promise<api.GetRoleBindingResponse> => caller.call({ method: 'GET', path: `/role-bindings/${part(roleBinding)}` }, options),
  /**
   * Removes a role from an account at once. The last admin keeps the role.
   *
   * Permission: role-bindings:delete.
   */
  delete: (roleBinding: string, options?: CallOptions): Promise<api.DeleteRoleBindingResponse> => caller.call({ method: 'DELETE', path: `/role-bindings/${part(roleBinding)}` }, options),
});

const apiKeys = (caller: Caller) => ({
  /**
   * Returns the API keys of the caller.
   *
   * Permission: self.
   */
  list: (options?: With<api.ListApiKeysData['query']>): Promise<api.ListApiKeysResponse> => caller.call({ method: 'GET', path: `/api-keys` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListApiKeysData['query']>): AsyncGenerator<api.ListApiKeysResponse[number], void> => caller.all({ method: 'GET', path: `/api-keys` }, options),
  /**
   * Creates an API key. The key is shown only in this answer.
   *
   * Send the key as a Bearer token. It can do what its owner can, limited by its rules, and loses permissions when the owner does.
   *
   * Permission: self.
   */
  create: (body: api.CreateApiKeyData['body'], options?: CallOptions): Promise<api.CreateApiKeyResponse> => caller.call({ method: 'POST', path: `/api-keys`, body }, options),
  /**
   * Revokes an API key at once, and closes the streams opened with it.
   *
   * Permission: own or service-accounts:update.
   */
  delete: (apiKey: string, options?: CallOptions): Promise<api.DeleteApiKeyResponse> => caller.call({ method: 'DELETE', path: `/api-keys/${part(apiKey)}` }, options),
});

const spaces = (caller: Caller) => ({
  /**
   * Returns the spaces that the caller can see.
   *
   * Permission: spaces:list.
   */
  list: (options?: With<api.ListSpacesData['query']>): Promise<api.ListSpacesResponse> => caller.call({ method: 'GET', path: `/spaces` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListSpacesData['query']>): AsyncGenerator<api.ListSpacesResponse[number], void> => caller.all({ method: 'GET', path: `/spaces` }, options),
  /**
   * Creates a space.
   *
   * Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, and `quotas` (`sessions`, `cpu`, `memory_bytes`), the bounds of all sessions of the space together.
   *
   * Permission: spaces:create.
   */
  create: (body: api.CreateSpaceData['body'], options?: Keyed): Promise<api.CreateSpaceResponse> => caller.call({ method: 'POST', path: `/spaces`, body, isKeyed: true }, options),
  /**
   * Returns a space.
   *
   * Permission: spaces:get.
   */
  get: (space: string, options?: CallOptions): Promise<api.GetSpaceResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}` }, options),
  /**
   * Updates a space. Settings are replaced as a whole.
   *
   * Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, and `quotas` (`sessions`, `cpu`, `memory_bytes`), the bounds of all sessions of the space together. An inactive space accepts no new sessions, messages or builds, and resumes no sessions; running sessions continue.
   *
   * Permission: spaces:update.
   */
  update: (space: string, body?: api.UpdateSpaceData['body'], options?: CallOptions): Promise<api.UpdateSpaceResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}`, body }, options),
  /**
   * Deletes a space without sessions, with its secrets, agents, builds and role bindings.
   *
   * Permission: spaces:delete.
   */
  delete: (space: string, options?: CallOptions): Promise<api.DeleteSpaceResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}` }, options),
  /**
   * Builds the active agents of a space into one image.
   *
   * Without `force`, returns an existing build with the same content, finished or in progress, instead of a new one.
   *
   * Permission: builds:create.
   */
  build: (space: string, body?: api.BuildSpaceData['body'], options?: Keyed): Promise<api.BuildSpaceResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/build`, body, isKeyed: true }, options),
});

const secrets = (caller: Caller) => ({
  /**
   * Returns the secrets of a space.
   *
   * Permission: secrets:list.
   */
  list: (space: string, options?: With<api.ListSecretsData['query']>): Promise<api.ListSecretsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (space: string, options?: WithoutPage<api.ListSecretsData['query']>): AsyncGenerator<api.ListSecretsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /**
   * Creates a secret: an environment variable of the agents in a space.
   *
   * The answer does not include the value. The secret takes effect before the next message in the space runs.
   *
   * Permission: secrets:create.
   */
  create: (space: string, body: api.CreateSecretData['body'], options?: CallOptions): Promise<api.CreateSecretResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/secrets`, body }, options),
  /**
   * Returns a secret.
   *
   * Permission: secrets:get.
   */
  get: (space: string, secret: string, options?: With<api.GetSecretData['query']>): Promise<api.GetSecretResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/secrets/${part(secret)}` }, options),
  /**
   * Updates the value or description of a secret.
   *
   * Permission: secrets:update.
   */
  update: (space: string, secret: string, body?: api.UpdateSecretData['body'], options?: With<api.UpdateSecretData['query']>): Promise<api.UpdateSecretResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/secrets/${part(secret)}`, body }, options),
  /**
   * Deletes a secret.
   *
   * Permission: secrets:delete.
   */
  delete: (space: string, secret: string, options?: CallOptions): Promise<api.DeleteSecretResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/secrets/${part(secret)}` }, options),
});

const agents = (caller: Caller) => ({
  /**
   * Returns the agents of a space.
   *
   * Permission: agents:list.
   */
  list: (space: string, options?: With<api.ListAgentsData['query']>): Promise<api.ListAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (space: string, options?: WithoutPage<api.ListAgentsData['query']>): AsyncGenerator<api.ListAgentsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /**
   * Returns the agents of a space that have a live worker in a session.
   *
   * Permission: agents:list.
   */
  listRunning: (space: string, options?: With<api.ListRunningAgentsData['query']>): Promise<api.ListRunningAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/running` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  allRunning: (space: string, options?: WithoutPage<api.ListRunningAgentsData['query']>): AsyncGenerator<api.ListRunningAgentsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/agents/running` }, options),
  /**
   * Creates an agent. Its code comes from a repository or an upload.
   *
   * With `source_repo` the agent is active at once, and a build is queued. Without it, nothing runs until a source is uploaded and deployed.
   *
   * Permission: agents:create.
   */
  create: (space: string, body: api.CreateAgentData['body'], options?: Keyed): Promise<api.CreateAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents`, body, isKeyed: true }, options),
  /**
   * Returns an agent.
   *
   * Permission: agents:get.
   */
  get: (space: string, agent: string, options?: CallOptions): Promise<api.GetAgentResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/${part(agent)}` }, options),
  /**
   * Updates the fields that are sent. Null clears the description or purpose.
   *
   * Permission: agents:update.
   */
  update: (space: string, agent: string, body?: api.UpdateAgentData['body'], options?: CallOptions): Promise<api.UpdateAgentResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/agents/${part(agent)}`, body }, options),
  /**
   * Deletes an agent and stops its workers.
   *
   * Images that contain the agent stay. Messages for it, unanswered or posted later, get an error_response.
   *
   * Permission: agents:delete.
   */
  delete: (space: string, agent: string, options?: CallOptions): Promise<api.DeleteAgentResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/agents/${part(agent)}` }, options),
  /**
   * Sets whether an agent receives messages.
   *
   * Inactive and stopped agents receive no messages: these get an error_response. With `inactive`, a run in progress finishes; with `stopped`, it is interrupted.
   *
   * Permission: agents:update.
   */
  updateStatus: (space: string, agent: string, body: api.UpdateAgentStatusData['body'], options?: CallOptions): Promise<api.UpdateAgentStatusResponse> => caller.call({ method: 'PATCH', path: `/spaces/${part(space)}/agents/${part(agent)}/status`, body }, options),
  /**
   * Uploads the files of an agent as tar.gz, up to 64 MiB compressed.
   *
   * Permission: agents:update.
   */
  updateSource: (space: string, agent: string, body: api.UpdateAgentSourceData['body'], options?: CallOptions): Promise<api.UpdateAgentSourceResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/agents/${part(agent)}/source`, body, mediaType: 'application/gzip' }, options),
  /**
   * Builds the newest source and makes the agent active.
   *
   * Permission: agents:deploy.
   */
  deploy: (space: string, agent: string, options?: CallOptions): Promise<api.DeployAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents/${part(agent)}/deploy` }, options),
  /**
   * Stops the workers of an agent in every session, and makes it inactive.
   *
   * Permission: agents:deploy.
   */
  stop: (space: string, agent: string, options?: CallOptions): Promise<api.StopAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents/${part(agent)}/stop` }, options),
  /**
   * Returns what an agent printed in running sessions.
   *
   * Logs stay on the volumes of the sessions. Resume a paused or suspended session to read its logs: until then it is skipped, or a 409 if `session_id` names it. With `follow=true` the answer is a text/event-stream.
   *
   * Permission: agents:logs.
   */
  getLogs: (space: string, agent: string, options?: With<api.GetAgentLogsData['query']>): Promise<api.GetAgentLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/${part(agent)}/logs` }, options),
});

const builds = (caller: Caller) => ({
  /**
   * Returns the newest build of a space.
   *
   * Permission: builds:get.
   */
  getLatest: (space: string, options?: CallOptions): Promise<api.GetBuildLatestResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/latest` }, options),
  /**
   * Returns a build.
   *
   * Permission: builds:get.
   */
  get: (space: string, build: string, options?: CallOptions): Promise<api.GetBuildResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/${part(build)}` }, options),
  /**
   * Returns the log of a build, line by line.
   *
   * Permission: builds:get.
   */
  getLogs: (space: string, build: string, options?: CallOptions): Promise<api.GetBuildLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/${part(build)}/logs` }, options),
});

const sessions = (caller: Caller) => ({
  /**
   * Returns the sessions that the caller can see.
   *
   * Includes the caller’s own sessions in every space where it holds a role. Naming a space in which it holds none is a 404.
   *
   * Permission: own or sessions:list.
   */
  list: (options?: With<ByMetadata<api.ListSessionsData['query']>>): Promise<api.ListSessionsResponse> => caller.call({ method: 'GET', path: `/sessions` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<ByMetadata<api.ListSessionsData['query']>>): AsyncGenerator<api.ListSessionsResponse[number], void> => caller.all({ method: 'GET', path: `/sessions` }, options),
  /**
   * Creates a session. With ?wait=30s, waits until it is up.
   *
   * Permission: sessions:create.
   */
  create: (body?: api.CreateSessionData['body'], options?: With<api.CreateSessionData['query'], Keyed>): Promise<api.CreateSessionResponse> => caller.call({ method: 'POST', path: `/sessions`, body, isKeyed: true }, options),
  /**
   * Returns a session.
   *
   * Permission: own or sessions:get.
   */
  get: (session: string, options?: CallOptions): Promise<api.GetSessionResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}` }, options),
  /**
   * Updates the name or metadata of a session.
   *
   * Metadata are replaced as a whole. Fields that are not sent stay as they are; 400 if none is sent, 409 if metadata exceed `quotas.storage_bytes` of the space.
   *
   * Permission: own or sessions:update.
   */
  update: (session: string, body?: api.UpdateSessionData['body'], options?: CallOptions): Promise<api.UpdateSessionResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}`, body }, options),
  /**
   * Creates a running session as a copy of this one. With ?wait=30s, waits until it is up.
   *
   * With data=false and messages=false, sessions:get is enough. The caller also needs sessions:create in the space of the copy (by default the space of the parent), and sessions:files if the volume leaves its space. The parent is frozen while its volume is copied. The caller owns the copy, which gets the secrets of its own space and runs on the node of the parent: 503 if that node has no room, 409 if it is lost.
   *
   * Permission: own or sessions:update.
   */
  remix: (session: string, body?: api.RemixSessionData['body'], options?: With<api.RemixSessionData['query'], Keyed>): Promise<api.RemixSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/remix`, body, isKeyed: true }, options),
  /**
   * Freezes a session at once. Its memory is kept.
   *
   * Permission: own or sessions:update.
   */
  pause: (session: string, options?: With<api.PauseSessionData['query']>): Promise<api.PauseSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/pause` }, options),
  /**
   * Removes the container of a session and keeps its volume. A run in progress has a grace period to finish.
   *
   * Permission: own or sessions:update.
   */
  suspend: (session: string, options?: With<api.SuspendSessionData['query']>): Promise<api.SuspendSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/suspend` }, options),
  /**
   * Resumes a paused or suspended session. With ?wait=30s, waits until it is up.
   *
   * Permission: own or sessions:update.
   */
  resume: (session: string, options?: With<api.ResumeSessionData['query']>): Promise<api.ResumeSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/resume` }, options),
  /**
   * Pauses, suspends, resumes (`idle`) or recovers (`init`) a session, by the state to reach.
   *
   * Permission: own or sessions:update.
   */
  updateState: (session: string, body: api.UpdateSessionStateData['body'], options?: CallOptions): Promise<api.UpdateSessionStateResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}/state`, body }, options),
  /**
   * Deletes a session with its volume and messages.
   *
   * Permission: own or sessions:delete.
   */
  delete: (session: string, options?: CallOptions): Promise<api.DeleteSessionResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}` }, options),
});

const messages = (caller: Caller) => ({
  /**
   * Returns the messages of a session by seq, oldest first.
   *
   * Permission: own or sessions:get.
   */
  list: (session: string, options?: With<api.ListMessagesData['query']>): Promise<api.ListMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (session: string, options?: WithoutPage<api.ListMessagesData['query']>): AsyncGenerator<api.ListMessagesResponse[number], void> => caller.all({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * Posts a message. With ?wait=30s, waits for the reply and returns it as `reply`.
   *
   * Permission: own or sessions:update.
   */
  create: (session: string, body: api.CreateMessageData['body'], options?: With<api.CreateMessageData['query'], Keyed>): Promise<api.CreateMessageResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/messages`, body, isKeyed: true }, options),
  /**
   * Deletes the messages of a session.
   *
   * A run in progress continues, and its answer is dropped.
   *
   * Permission: own or sessions:update.
   */
  delete: (session: string, options?: CallOptions): Promise<api.DeleteMessagesResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * Returns the number of messages in a session.
   *
   * Permission: own or sessions:get.
   */
  count: (session: string, options?: CallOptions): Promise<api.CountMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages/count` }, options),
});

const nodes = (caller: Caller) => ({
  /**
   * Returns the nodes with their capacity, requested resources, lease and conditions.
   *
   * Permission: nodes:list.
   */
  list: (options?: With<api.ListNodesData['query']>): Promise<api.ListNodesResponse> => caller.call({ method: 'GET', path: `/nodes` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListNodesData['query']>): AsyncGenerator<api.ListNodesResponse[number], void> => caller.all({ method: 'GET', path: `/nodes` }, options),
  /**
   * Returns a node, by id or name.
   *
   * Permission: nodes:get.
   */
  get: (node: string, options?: CallOptions): Promise<api.GetNodeResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}` }, options),
  /**
   * Declares an unreachable node lost, so that its sessions fail now instead of after a timeout.
   *
   * Permission: nodes:update.
   */
  lose: (node: string, options?: CallOptions): Promise<api.LoseNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/lost` }, options),
  /**
   * Creates a token with which one node can join. The token is shown only in this answer.
   *
   * Permission: nodes:create.
   */
  createToken: (body?: api.CreateNodeTokenData['body'], options?: CallOptions): Promise<api.CreateNodeTokenResponse> => caller.call({ method: 'POST', path: `/nodes/tokens`, body }, options),
});

const orphans = (caller: Caller) => ({
  /**
   * Returns containers and volumes on a node that belong to no session.
   *
   * Raworc leaves orphans alone until an operator adopts or deletes them.
   *
   * Permission: nodes:get.
   */
  list: (node: string, options?: With<api.ListOrphansData['query']>): Promise<api.ListOrphansResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (node: string, options?: WithoutPage<api.ListOrphansData['query']>): AsyncGenerator<api.ListOrphansResponse[number], void> => caller.all({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /**
   * Turns an orphan into a session owned by the caller: running if it has a container, else suspended.
   *
   * It also needs sessions:create and sessions:update in the space of the orphan.
   *
   * Permission: nodes:update.
   */
  adopt: (node: string, orphan: string, options?: CallOptions): Promise<api.AdoptOrphanResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/orphans/${part(orphan)}/adopt` }, options),
  /**
   * Deletes an orphan and its volume.
   *
   * Permission: nodes:update.
   */
  delete: (node: string, orphan: string, options?: CallOptions): Promise<api.DeleteOrphanResponse> => caller.call({ method: 'DELETE', path: `/nodes/${part(node)}/orphans/${part(orphan)}` }, options),
});

const audit = (caller: Caller) => ({
  /**
   * Returns audit records, newest first.
   *
   * Covers every change, every request refused for lack of permission, and reads of secret values and agent logs. With audit:list in one space, `space` must name that space.
   *
   * Permission: audit:list.
   */
  list: (options?: With<api.ListAuditData['query']>): Promise<api.ListAuditResponse> => caller.call({ method: 'GET', path: `/audit` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListAuditData['query']>): AsyncGenerator<api.ListAuditResponse[number], void> => caller.all({ method: 'GET', path: `/audit` }, options),
});

/** Every operation of the API, grouped by what it is about. */
export class Operations {
  readonly server: ReturnType<typeof server>;
  readonly auth: ReturnType<typeof auth>;
  readonly serviceAccounts: ReturnType<typeof serviceAccounts>;
  readonly roles: ReturnType<typeof roles>;
  readonly roleBindings: ReturnType<typeof roleBindings>;
  readonly apiKeys: ReturnType<typeof apiKeys>;
  readonly spaces: ReturnType<typeof spaces>;
  readonly secrets: ReturnType<typeof secrets>;
  readonly agents: ReturnType<typeof agents>;
  readonly builds: ReturnType<typeof builds>;
  readonly sessions: ReturnType<typeof sessions>;
  readonly messages: ReturnType<typeof messages>;
  readonly nodes: ReturnType<typeof nodes>;
  readonly orphans: ReturnType<typeof orphans>;
  readonly audit: ReturnType<typeof audit>;

  constructor(caller: Caller) {
    this.server = server(caller);
    this.auth = auth(caller);
    this.serviceAccounts = serviceAccounts(caller);
    this.roles = roles(caller);
    this.roleBindings = roleBindings(caller);
    this.apiKeys = apiKeys(caller);
    this.spaces = spaces(caller);
    this.secrets = secrets(caller);
    this.agents = agents(caller);
    this.builds = builds(caller);
    this.sessions = sessions(caller);
    this.messages = messages(caller);
    this.nodes = nodes(caller);
    this.orphans = orphans(caller);
    this.audit = audit(caller);
  }
}
