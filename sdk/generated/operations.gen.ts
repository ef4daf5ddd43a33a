// This file is written by scripts/generate-sdk.ts from the routes.

import type { ByMetadata, CallOptions, Caller, Keyed, With, WithoutPage } from '../caller.ts';
import type * as api from './types.gen.ts';

const part = encodeURIComponent;

const server = (caller: Caller) => ({
  /**
   * Returns the health of the controller; 503 if it cannot serve requests.
   *
   * The status `degraded` means that the controller serves requests with less speed or capacity. The field `degraded` counts the causes by kind, such as `bus` or `disk_low`.
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
   * Logs in and returns a token, valid for 24 hours.
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
   * Returns a new token, valid for 24 hours. The current token stays valid.
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
   * Lists the service accounts.
   *
   * Permission: service-accounts:list.
   */
  list: (options?: With<api.ListServiceAccountsData['query']>): Promise<api.ListServiceAccountsResponse> => caller.call({ method: 'GET', path: `/service-accounts` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListServiceAccountsData['query']>): AsyncGenerator<api.ListServiceAccountsResponse[number], void> => caller.all({ method: 'GET', path: `/service-accounts` }, options),
  /**
   * Creates a service account. It has no permissions until you bind a role to it.
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
   * A caller cannot delete its own account. The last admin cannot be deleted.
   *
   * Permission: service-accounts:delete.
   */
  delete: (serviceAccount: string, options?: CallOptions): Promise<api.DeleteServiceAccountResponse> => caller.call({ method: 'DELETE', path: `/service-accounts/${part(serviceAccount)}` }, options),
  /**
   * Sets the password of an account and revokes its older tokens.
   *
   * Callers without service-accounts:update must send their current password. 403 if the account has more permissions than the caller.
   *
   * Permission: self or service-accounts:update.
   */
  updatePassword: (serviceAccount: string, body: api.UpdateServiceAccountPasswordData['body'], options?: CallOptions): Promise<api.UpdateServiceAccountPasswordResponse> => caller.call({ method: 'PUT', path: `/service-accounts/${part(serviceAccount)}/password`, body }, options),
});

const roles = (caller: Caller) => ({
  /**
   * Lists the roles, including built-in ones.
   *
   * Permission: roles:list.
   */
  list: (options?: With<api.ListRolesData['query']>): Promise<api.ListRolesResponse> => caller.call({ method: 'GET', path: `/roles` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListRolesData['query']>): AsyncGenerator<api.ListRolesResponse[number], void> => caller.all({ method: 'GET', path: `/roles` }, options),
  /**
   * Creates a role. It has no effect until you bind it to an account.
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
   * Lists role bindings: which account has which role, and where.
   *
   * Permission: role-bindings:list.
   */
  list: (options?: With<api.ListRoleBindingsData['query']>): Promise<api.ListRoleBindingsResponse> => caller.call({ method: 'GET', path: `/role-bindings` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListRoleBindingsData['query']>): AsyncGenerator<api.ListRoleBindingsResponse[number], void> => caller.all({ method: 'GET', path: `/role-bindings` }, options),
  /**
   * Binds a role to an account, in one space or in every space.
   *
   * A caller can grant only roles whose permissions it has there.
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
   * Revokes a role binding at once. The last admin binding cannot be revoked.
   *
   * Permission: role-bindings:delete.
   */
  delete: (roleBinding: string, options?: CallOptions): Promise<api.DeleteRoleBindingResponse> => caller.call({ method: 'DELETE', path: `/role-bindings/${part(roleBinding)}` }, options),
});

const apiKeys = (caller: Caller) => ({
  /**
   * Lists the API keys of the caller.
   *
   * Permission: self.
   */
  list: (options?: With<api.ListApiKeysData['query']>): Promise<api.ListApiKeysResponse> => caller.call({ method: 'GET', path: `/api-keys` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListApiKeysData['query']>): AsyncGenerator<api.ListApiKeysResponse[number], void> => caller.all({ method: 'GET', path: `/api-keys` }, options),
  /**
   * Creates an API key. Only this response contains the key.
   *
   * Send the key as a Bearer token. It has the permissions of its owner, limited by its rules, and loses permissions when the owner does.
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
   * Lists the spaces that the caller can see.
   *
   * Permission: spaces:list.
   */
  list: (options?: With<api.ListSpacesData['query']>): Promise<api.ListSpacesResponse> => caller.call({ method: 'GET', path: `/spaces` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListSpacesData['query']>): AsyncGenerator<api.ListSpacesResponse[number], void> => caller.all({ method: 'GET', path: `/spaces` }, options),
  /**
   * Creates a space.
   *
   * Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, `quotas` (`sessions`, `cpu`, `memory_bytes`, `storage_bytes`), the limits of the whole space, `maxima`, the most that one session gets, and `retention` (`events_s`).
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
   * Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, `quotas` (`sessions`, `cpu`, `memory_bytes`, `storage_bytes`), the limits of the whole space, `maxima`, the most that one session gets, and `retention` (`events_s`). An inactive space accepts no new sessions, messages or builds, and resumes no sessions; running sessions continue.
   *
   * Permission: spaces:update.
   */
  update: (space: string, body?: api.UpdateSpaceData['body'], options?: CallOptions): Promise<api.UpdateSpaceResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}`, body }, options),
  /**
   * Changes single settings of a space, and keeps the others.
   *
   * A JSON merge patch: null removes a setting. Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, `quotas` (`sessions`, `cpu`, `memory_bytes`, `storage_bytes`), the limits of the whole space, `maxima`, the most that one session gets, and `retention` (`events_s`).
   *
   * Permission: spaces:update.
   */
  patch: (space: string, body?: api.PatchSpaceData['body'], options?: CallOptions): Promise<api.PatchSpaceResponse> => caller.call({ method: 'PATCH', path: `/spaces/${part(space)}`, body }, options),
  /**
   * Deletes a space with its secrets, agents, builds and role bindings. 409 if it has sessions.
   *
   * Permission: spaces:delete.
   */
  delete: (space: string, options?: CallOptions): Promise<api.DeleteSpaceResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}` }, options),
  /**
   * Returns the output of all agents in the running sessions of a space.
   *
   * Without `agents:logs`, only the sessions that the caller owns are read. Logs are stored on the session volumes. A paused or suspended session is skipped, or answers 409 if `session_id` names it: resume it to read its logs. With `follow=true` the response is a text/event-stream, and sessions that start later are followed too.
   *
   * Permission: own or agents:logs.
   */
  getLogs: (space: string, options?: With<api.GetSpaceLogsData['query']>): Promise<api.GetSpaceLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/logs` }, options),
  /**
   * Builds the active agents of a space into one image.
   *
   * Without `force`, returns an existing build with the same content if there is one, finished or in progress. A build of repositories looks up their newest commits first: if nothing has changed since the build before, it completes with the image of that build.
   *
   * Permission: builds:create.
   */
  build: (space: string, body?: api.BuildSpaceData['body'], options?: Keyed): Promise<api.BuildSpaceResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/build`, body, isKeyed: true }, options),
});

const secrets = (caller: Caller) => ({
  /**
   * Lists the secrets of a space.
   *
   * Permission: secrets:list.
   */
  list: (space: string, options?: With<api.ListSecretsData['query']>): Promise<api.ListSecretsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (space: string, options?: WithoutPage<api.ListSecretsData['query']>): AsyncGenerator<api.ListSecretsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /**
   * Creates a secret: an environment variable for the agents of a space.
   *
   * The response does not include the value. The secret takes effect with the next message in the space.
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
   * Lists the agents of a space.
   *
   * Permission: agents:list.
   */
  list: (space: string, options?: With<api.ListAgentsData['query']>): Promise<api.ListAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (space: string, options?: WithoutPage<api.ListAgentsData['query']>): AsyncGenerator<api.ListAgentsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /**
   * Lists the agents of a space that have a live worker in a session.
   *
   * Permission: agents:list.
   */
  listRunning: (space: string, options?: With<api.ListRunningAgentsData['query']>): Promise<api.ListRunningAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/running` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
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
   * Updates the fields that are sent. Null clears the description or purpose, and that of raworc.json applies again.
   *
   * Permission: agents:update.
   */
  update: (space: string, agent: string, body?: api.UpdateAgentData['body'], options?: CallOptions): Promise<api.UpdateAgentResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/agents/${part(agent)}`, body }, options),
  /**
   * Deletes an agent and stops its workers.
   *
   * Existing images keep its code. Messages to the agent, queued or posted later, get an error_response.
   *
   * Permission: agents:delete.
   */
  delete: (space: string, agent: string, options?: CallOptions): Promise<api.DeleteAgentResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/agents/${part(agent)}` }, options),
  /**
   * Sets whether an agent receives messages.
   *
   * Messages to an inactive or stopped agent, including queued ones, get an error_response. With `inactive`, a run in progress finishes; with `stopped`, it is interrupted.
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
   * If the build fails, sessions keep the newest completed one. The agent stays, also if it was never built before: with status `error`, until a corrected source is deployed or the agent is deleted.
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
   * Returns the output of an agent in running sessions.
   *
   * Logs are stored on the session volumes. A paused or suspended session is skipped, or answers 409 if `session_id` names it: resume it to read its logs. With `follow=true` the response is a text/event-stream.
   *
   * Permission: agents:logs.
   */
  getLogs: (space: string, agent: string, options?: With<api.GetAgentLogsData['query']>): Promise<api.GetAgentLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/${part(agent)}/logs` }, options),
});

const builds = (caller: Caller) => ({
  /**
   * Lists the builds of a space, newest first.
   *
   * Permission: builds:list.
   */
  list: (space: string, options?: With<api.ListBuildsData['query']>): Promise<api.ListBuildsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/builds` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (space: string, options?: WithoutPage<api.ListBuildsData['query']>): AsyncGenerator<api.ListBuildsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/builds` }, options),
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
   * Cancels a build, and returns it.
   *
   * A queued build never starts. A running one is interrupted, and its node removes what it left. All deploys that share the build see it as `cancelled`. A build that has ended is returned unchanged.
   *
   * Permission: builds:delete.
   */
  cancel: (space: string, build: string, options?: CallOptions): Promise<api.CancelBuildResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/build/${part(build)}` }, options),
  /**
   * Returns the log of a build: what it did, and what its programs printed.
   *
   * The controller keeps the logs of the newest builds of a space. With `follow=true` the response is a text/event-stream; `Last-Event-ID` continues after a line.
   *
   * Permission: builds:get.
   */
  getLogs: (space: string, build: string, options?: With<api.GetBuildLogsData['query']>): Promise<api.GetBuildLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/${part(build)}/logs` }, options),
});

const sessions = (caller: Caller) => ({
  /**
   * Lists the sessions that the caller can see.
   *
   * Includes the caller’s own sessions in every space where it has a role. 404 for a `space` in which the caller has no role.
   *
   * Permission: own or sessions:list.
   */
  list: (options?: With<ByMetadata<api.ListSessionsData['query']>>): Promise<api.ListSessionsResponse> => caller.call({ method: 'GET', path: `/sessions` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<ByMetadata<api.ListSessionsData['query']>>): AsyncGenerator<api.ListSessionsResponse[number], void> => caller.all({ method: 'GET', path: `/sessions` }, options),
  /**
   * Creates a session. With ?wait=30s, waits until it is running.
   *
   * While no node has room, it also waits for that: requests in one space with the same constraints in order, and spaces in turn. 503 at once without `wait`, also if earlier requests wait for the room that there is; if no node could take the session even when empty; and if too many requests wait.
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
   * Replaces metadata as a whole and keeps fields that are not sent. 400 if no field is sent, 409 if the metadata exceed `quotas.storage_bytes` of the space.
   *
   * Permission: own or sessions:update.
   */
  update: (session: string, body?: api.UpdateSessionData['body'], options?: CallOptions): Promise<api.UpdateSessionResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}`, body }, options),
  /**
   * Creates a running session as a copy of this one. With ?wait=30s, waits until it is running.
   *
   * The caller owns the copy. It runs on the node of the parent with the secrets of its own space; 503 if that node has no room, for which it waits with `wait` as a creation does; 409 if it is lost. The parent is paused while its volume is copied. The caller also needs sessions:create in the space of the copy (by default the space of the parent), and sessions:files to copy the volume to another space. With data=false and messages=false, sessions:get on the parent is enough.
   *
   * Permission: own or sessions:update.
   */
  remix: (session: string, body?: api.RemixSessionData['body'], options?: With<api.RemixSessionData['query'], Keyed>): Promise<api.RemixSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/remix`, body, isKeyed: true }, options),
  /**
   * Pauses a session at once and keeps its memory.
   *
   * Permission: own or sessions:update.
   */
  pause: (session: string, options?: With<api.PauseSessionData['query']>): Promise<api.PauseSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/pause` }, options),
  /**
   * Suspends a session: removes its container and keeps its volume. A run in progress gets a grace period to finish.
   *
   * Permission: own or sessions:update.
   */
  suspend: (session: string, options?: With<api.SuspendSessionData['query']>): Promise<api.SuspendSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/suspend` }, options),
  /**
   * Resumes a paused or suspended session. With ?wait=30s, waits until it is running, and first for room on its node.
   *
   * Permission: own or sessions:update.
   */
  resume: (session: string, options?: With<api.ResumeSessionData['query']>): Promise<api.ResumeSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/resume` }, options),
  /**
   * Sets the requested state of a session: pauses, suspends, resumes (`idle`) or recovers (`init`) it.
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
  /**
   * Runs a command in a session, and returns its output and exit code.
   *
   * A paused or suspended session is resumed. The command runs as the user of the agents, in /session/workspace, without the secrets of the space. It ends with the request: if the client disconnects, it is killed with all that it started. With `stream=sse` the response is a text/event-stream of `stdout`, `stderr` and `exit`. If `Accept` then names `application/vnd.raworc.frames`, which carries much more, it is frames instead: one byte for the kind (0 stdout, 1 stderr, 2 exit, 3 error, 4 ping), the length of the content as 32 bits, big-endian, and the content: bytes of the output, JSON as in the events `exit` and `error`, or nothing. For longer commands, start them in the background.
   *
   * Permission: own or sessions:exec.
   */
  exec: (session: string, body?: api.ExecSessionData['body'], options?: With<api.ExecSessionData['query']>): Promise<api.ExecSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/exec`, body }, options),
  /**
   * Returns a file of a session; or with `list`, `stat`, `watch` or `archive`: what is there.
   *
   * The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents. Ranges (`Range`, `If-Range`) and `If-None-Match` work as usual. Only regular files have content; a file that is written meanwhile ends where it ended at first. With `watch` the response is a text/event-stream of `change`, and of `lost` where changes are missing: list again then. With `archive=tar` it is a tar of the directory; what is neither file, directory nor link, or cannot be read, is left out, and named in a comment at its end. A paused or suspended session is resumed.
   *
   * Permission: own or sessions:files.
   */
  getFile: (session: string, options?: With<api.GetSessionFileData['query']>): Promise<api.GetSessionFileResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/files` }, options),
  /**
   * Replaces a file of a session in one step, or creates it.
   *
   * The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents. The content goes to a temporary file beside it, is synced to the disk and then takes the name: readers see the old content or the new. An existing file keeps its mode. With `If-Match` it is replaced only if it still has that ETag; with `If-None-Match: *` it is only created. With `archive=tar` the body is a tar that is unpacked into the directory, which is created if it is missing; what was unpacked before a fault stays.
   *
   * Permission: own or sessions:files.
   */
  putFile: (session: string, body: api.PutSessionFileData['body'], options?: With<api.PutSessionFileData['query']>): Promise<api.PutSessionFileResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}/files`, body, mediaType: 'application/octet-stream' }, options),
  /**
   * Changes the mode of a file or directory of a session.
   *
   * The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents.
   *
   * Permission: own or sessions:files.
   */
  changeFile: (session: string, body: api.ChangeSessionFileData['body'], options?: With<api.ChangeSessionFileData['query']>): Promise<api.ChangeSessionFileResponse> => caller.call({ method: 'PATCH', path: `/sessions/${part(session)}/files`, body }, options),
  /**
   * Creates a directory of a session (`mkdir`), or moves a file or directory (`move`).
   *
   * The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents.
   *
   * Permission: own or sessions:files.
   */
  postFile: (session: string, body?: api.PostSessionFileData['body'], options?: With<api.PostSessionFileData['query']>): Promise<api.PostSessionFileResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/files`, body }, options),
  /**
   * Removes a file, a link or a directory of a session.
   *
   * The path is in the address, behind `/files/`, or in `path`, or, if it is not UTF-8, in `path_base64`. Relative ones begin at /session/workspace; `..` is resolved by name. Everything happens as the user of the agents. A directory that is not empty takes `recursive`.
   *
   * Permission: own or sessions:files.
   */
  deleteFile: (session: string, options?: With<api.DeleteSessionFileData['query']>): Promise<api.DeleteSessionFileResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/files` }, options),
});

const messages = (caller: Caller) => ({
  /**
   * Lists the messages of a session by seq, oldest first.
   *
   * Permission: own or sessions:get.
   */
  list: (session: string, options?: With<api.ListMessagesData['query']>): Promise<api.ListMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (session: string, options?: WithoutPage<api.ListMessagesData['query']>): AsyncGenerator<api.ListMessagesResponse[number], void> => caller.all({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * Posts a message. With ?wait=30s, waits for the reply and returns it as `reply`.
   *
   * Permission: own or sessions:update.
   */
  create: (session: string, body: api.CreateMessageData['body'], options?: With<api.CreateMessageData['query'], Keyed>): Promise<api.CreateMessageResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/messages`, body, isKeyed: true }, options),
  /**
   * Cancels a message. With ?wait=30s, waits for its answer and returns it as `reply`.
   *
   * A message whose run has not begun never runs; a run in progress is interrupted after `grace_s`. The answer is then an error_response with the reason cancelled, in the order of the messages. An answer that exists, or that the agent gives first, stands.
   *
   * Permission: own or sessions:update.
   */
  cancel: (session: string, message: string, body?: api.CancelMessageData['body'], options?: With<api.CancelMessageData['query']>): Promise<api.CancelMessageResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/messages/${part(message)}/cancel`, body }, options),
  /**
   * Deletes the messages of a session.
   *
   * A run in progress continues, but its answer is discarded.
   *
   * Permission: own or sessions:update.
   */
  delete: (session: string, options?: CallOptions): Promise<api.DeleteMessagesResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * Returns the number of messages in a session.
   *
   * Permission: own or sessions:get.
   */
  count: (session: string, options?: With<api.CountMessagesData['query']>): Promise<api.CountMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages/count` }, options),
});

const traces = (caller: Caller) => ({
  /**
   * Returns how a message was answered: what agents asked one another, when, and for how long.
   *
   * Permission: own or sessions:get.
   */
  get: (session: string, trace: string, options?: CallOptions): Promise<api.GetTraceResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/trace/${part(trace)}` }, options),
});

const processes = (caller: Caller) => ({
  /**
   * Starts a process that the session keeps, with pipes or on a terminal.
   *
   * It outlives the client, the controller and the node agent, and ends with the session's container: on suspend, or when its node restarts. The newest MiB of its output is kept. Attach to it to read and write. A session has at most 64 running ones, and keeps 32 ended ones for ten minutes. A paused or suspended session is resumed.
   *
   * Permission: own or sessions:exec.
   */
  start: (session: string, body?: api.StartProcessData['body'], options?: CallOptions): Promise<api.StartProcessResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/processes`, body }, options),
  /**
   * Lists the processes that were started in a session, also ended ones. Not paged.
   *
   * Permission: own or sessions:exec.
   */
  list: (session: string, options?: CallOptions): Promise<api.ListProcessesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/processes` }, options),
  /**
   * Returns a process.
   *
   * Permission: own or sessions:exec.
   */
  get: (session: string, process: string, options?: CallOptions): Promise<api.GetProcessResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/processes/${part(process)}` }, options),
  /**
   * Kills a process with all that it started, and forgets it.
   *
   * Permission: own or sessions:exec.
   */
  remove: (session: string, process: string, options?: CallOptions): Promise<api.RemoveProcessResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/processes/${part(process)}` }, options),
  /**
   * Sends a signal to the process group, and to what is in the foreground of its terminal. KILL ends all that it started.
   *
   * Permission: own or sessions:exec.
   */
  signal: (session: string, process: string, body: api.SignalProcessData['body'], options?: CallOptions): Promise<api.SignalProcessResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/processes/${part(process)}/signal`, body }, options),
  /**
   * Changes the size of the process's terminal.
   *
   * Permission: own or sessions:exec.
   */
  resize: (session: string, process: string, body: api.ResizeProcessData['body'], options?: CallOptions): Promise<api.ResizeProcessResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/processes/${part(process)}/resize`, body }, options),
  /**
   * Closes the standard input of a process without a terminal.
   *
   * Permission: own or sessions:exec.
   */
  closeStdin: (session: string, process: string, options?: CallOptions): Promise<api.CloseProcessStdinResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/processes/${part(process)}/close-stdin` }, options),
});

const ports = (caller: Caller) => ({
  /**
   * Lists the ports of a session on which programs listen, and its public ports.
   *
   * A session that does not run is not woken: only its public ports are listed. With `follow=true` the response is a text/event-stream: `ports` with the list, then `opened` and `closed`; the session looks once a second while somebody follows.
   *
   * Permission: own or sessions:ports.
   */
  list: (session: string, options?: With<api.ListPortsData['query']>): Promise<api.ListPortsResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/ports` }, options),
  /**
   * Returns an address of a port for a browser, or makes the port public for a time.
   *
   * Needs a preview domain. An address that is not public works once, within 30 seconds: it admits the browser that opens it, by a cookie of the origin of the port, for `expires_in_s`, or until the credentials end that this request was made with. A public port can be used by anybody, in the name of the caller, and is ended by DELETE, by its time, or with the permission of the caller.
   *
   * Permission: own or sessions:ports.
   */
  share: (session: string, port: string, body?: api.SharePortData['body'], options?: CallOptions): Promise<api.SharePortResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/ports/${part(port)}/share`, body }, options),
  /**
   * Ends the public time of a port. Its open connections end within seconds.
   *
   * Permission: own or sessions:ports.
   */
  unshare: (session: string, port: string, options?: CallOptions): Promise<api.UnsharePortResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/ports/${part(port)}/share` }, options),
});

const tickets = (caller: Caller) => ({
  /**
   * Returns a one-time ticket for a request that cannot carry a header.
   *
   * Browsers cannot set headers of a WebSocket. Offer the subprotocols `raworc.v0` and `raworc.ticket.TICKET` instead. A ticket is valid once, for 30 seconds, and with the permissions of the credentials that it was requested with. It needs the permission of its use: `attach` needs own or sessions:exec.
   *
   * Permission: self.
   */
  create: (body: api.CreateTicketData['body'], options?: CallOptions): Promise<api.CreateTicketResponse> => caller.call({ method: 'POST', path: `/tickets`, body }, options),
});

const nodeTokens = (caller: Caller) => ({
  /**
   * Lists the join tokens that can still be used.
   *
   * Permission: nodes:list.
   */
  list: (options?: With<api.ListNodeTokensData['query']>): Promise<api.ListNodeTokensResponse> => caller.call({ method: 'GET', path: `/nodes/tokens` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListNodeTokensData['query']>): AsyncGenerator<api.ListNodeTokensResponse[number], void> => caller.all({ method: 'GET', path: `/nodes/tokens` }, options),
  /**
   * Creates a join token, for one node unless `uses` says otherwise. Only this response contains the token.
   *
   * Permission: nodes:create.
   */
  create: (body?: api.CreateNodeTokenData['body'], options?: CallOptions): Promise<api.CreateNodeTokenResponse> => caller.call({ method: 'POST', path: `/nodes/tokens`, body }, options),
  /**
   * Revokes a join token. Nodes that joined with it stay.
   *
   * Permission: nodes:create.
   */
  revoke: (token: string, options?: CallOptions): Promise<api.RevokeNodeTokenResponse> => caller.call({ method: 'DELETE', path: `/nodes/tokens/${part(token)}` }, options),
});

const nodes = (caller: Caller) => ({
  /**
   * Lists the nodes with their capacity, requested resources, lease and conditions.
   *
   * Permission: nodes:list.
   */
  list: (options?: With<api.ListNodesData['query']>): Promise<api.ListNodesResponse> => caller.call({ method: 'GET', path: `/nodes` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListNodesData['query']>): AsyncGenerator<api.ListNodesResponse[number], void> => caller.all({ method: 'GET', path: `/nodes` }, options),
  /**
   * Returns a node, by id or name.
   *
   * Permission: nodes:get.
   */
  get: (node: string, options?: CallOptions): Promise<api.GetNodeResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}` }, options),
  /**
   * Updates a node. Labels are replaced as a whole.
   *
   * Keeps fields that are not sent. 400 if no field is sent.
   *
   * Permission: nodes:update.
   */
  update: (node: string, body?: api.UpdateNodeData['body'], options?: CallOptions): Promise<api.UpdateNodeResponse> => caller.call({ method: 'PUT', path: `/nodes/${part(node)}`, body }, options),
  /**
   * Changes labels of a node one by one: several clients at once lose none.
   *
   * A JSON merge patch. 400 if no field is sent, 409 if the node would have more than 64 labels.
   *
   * Permission: nodes:update.
   */
  patch: (node: string, body?: api.PatchNodeData['body'], options?: CallOptions): Promise<api.PatchNodeResponse> => caller.call({ method: 'PATCH', path: `/nodes/${part(node)}`, body }, options),
  /**
   * Removes a node: its certificates are refused from now on. 409 while it has sessions, unless `lost=true`.
   *
   * With `lost=true`, its sessions fail and cannot be recovered. The name of a removed node can be used again.
   *
   * Permission: nodes:delete.
   */
  delete: (node: string, options?: With<api.DeleteNodeData['query']>): Promise<api.DeleteNodeResponse> => caller.call({ method: 'DELETE', path: `/nodes/${part(node)}` }, options),
  /**
   * Places no new sessions and builds on a node. Its sessions continue, and still wake.
   *
   * Permission: nodes:update.
   */
  cordon: (node: string, options?: CallOptions): Promise<api.CordonNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/cordon` }, options),
  /**
   * Places sessions on a node again, ends its drain, and wakes the sessions for which messages waited.
   *
   * Permission: nodes:update.
   */
  uncordon: (node: string, options?: CallOptions): Promise<api.UncordonNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/uncordon` }, options),
  /**
   * Cordons a node and suspends its sessions: idle and paused ones now, busy ones when they finish or at the deadline.
   *
   * Deletes nothing: files stay on the node. No session wakes there until the node is uncordoned; messages are accepted and wait. Sent again, it starts the deadline anew.
   *
   * Permission: nodes:update.
   */
  drain: (node: string, body?: api.DrainNodeData['body'], options?: CallOptions): Promise<api.DrainNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/drain`, body }, options),
  /**
   * Returns the progress of a drain. 404 if the node is not being drained.
   *
   * Permission: nodes:get.
   */
  getDrain: (node: string, options?: CallOptions): Promise<api.GetNodeDrainResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}/drain` }, options),
  /**
   * Ends the drain of a node, like uncordon. 404 if the node is not being drained.
   *
   * Permission: nodes:update.
   */
  endDrain: (node: string, options?: CallOptions): Promise<api.EndNodeDrainResponse> => caller.call({ method: 'DELETE', path: `/nodes/${part(node)}/drain` }, options),
  /**
   * Declares an unreachable node lost, so that its sessions fail now instead of after a timeout.
   *
   * Permission: nodes:update.
   */
  lose: (node: string, options?: CallOptions): Promise<api.LoseNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/lost` }, options),
});

const orphans = (caller: Caller) => ({
  /**
   * Lists containers and volumes on a node that belong to no session.
   *
   * Raworc keeps orphans until an operator adopts or deletes them.
   *
   * Permission: nodes:get.
   */
  list: (node: string, options?: With<api.ListOrphansData['query']>): Promise<api.ListOrphansResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (node: string, options?: WithoutPage<api.ListOrphansData['query']>): AsyncGenerator<api.ListOrphansResponse[number], void> => caller.all({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /**
   * Turns an orphan into a session owned by the caller: running if it has a container, else suspended.
   *
   * Also needs sessions:create and sessions:update in the space of the orphan.
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
   * Lists audit records, newest first.
   *
   * Records cover every change, every request refused for a missing permission, and reads of secret values and agent logs. With audit:list in one space, `space` must name that space.
   *
   * Permission: audit:list.
   */
  list: (options?: With<api.ListAuditData['query']>): Promise<api.ListAuditResponse> => caller.call({ method: 'GET', path: `/audit` }, options),
  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all: (options?: WithoutPage<api.ListAuditData['query']>): AsyncGenerator<api.ListAuditResponse[number], void> => caller.all({ method: 'GET', path: `/audit` }, options),
});

/** Every operation of the API, grouped by resource. */
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
  readonly traces: ReturnType<typeof traces>;
  readonly processes: ReturnType<typeof processes>;
  readonly ports: ReturnType<typeof ports>;
  readonly tickets: ReturnType<typeof tickets>;
  readonly nodeTokens: ReturnType<typeof nodeTokens>;
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
    this.traces = traces(caller);
    this.processes = processes(caller);
    this.ports = ports(caller);
    this.tickets = tickets(caller);
    this.nodeTokens = nodeTokens(caller);
    this.nodes = nodes(caller);
    this.orphans = orphans(caller);
    this.audit = audit(caller);
  }
}
