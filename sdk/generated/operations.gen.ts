// This file is written by scripts/generate-sdk.ts from the routes.

import type { ByMetadata, CallOptions, Caller, Keyed, With, WithoutPage } from '../caller.ts';
import type * as api from './types.gen.ts';

const part = encodeURIComponent;

const server = (caller: Caller) => ({
  /**
   * Whether the controller can serve; 503 when it cannot
   *
   * `degraded` means that the controller serves, but something costs latency or capacity: `degraded` counts it by kind (`bus`, `reader`, `disk_low`, `nodes_unschedulable`).
   *
   * Permission: public.
   */
  health: (options?: CallOptions): Promise<api.GetHealthResponse> => caller.call({ method: 'GET', path: `/health` }, options),
  /**
   * The version of the controller and of the API
   *
   * Permission: public.
   */
  version: (options?: CallOptions): Promise<api.GetVersionResponse> => caller.call({ method: 'GET', path: `/version` }, options),
  /**
   * This API as an OpenAPI 3.1 document
   *
   * Permission: public.
   */
  document: (options?: CallOptions): Promise<api.GetDocumentResponse> => caller.call({ method: 'GET', path: `/openapi.json` }, options),
});

const auth = (caller: Caller) => ({
  /**
   * A token of 24 h for a user name and password; slowed and then refused on guessing
   *
   * Permission: public.
   */
  login: (body: api.LoginData['body'], options?: CallOptions): Promise<api.LoginResponse> => caller.call({ method: 'POST', path: `/auth/login`, body }, options),
  /**
   * Whose token this is, the roles, and where they hold
   *
   * Permission: self.
   */
  me: (options?: CallOptions): Promise<api.MeResponse> => caller.call({ method: 'GET', path: `/auth/me` }, options),
  /**
   * A new token of 24 h for one that is still good, which stays good as well
   *
   * Permission: self.
   */
  refresh: (options?: CallOptions): Promise<api.RefreshResponse> => caller.call({ method: 'POST', path: `/auth/refresh` }, options),
  /**
   * Ends this token at once, or every token of the account, and the streams opened with it
   *
   * Permission: self.
   */
  logout: (body?: api.LogoutData['body'], options?: CallOptions): Promise<api.LogoutResponse> => caller.call({ method: 'POST', path: `/auth/logout`, body }, options),
});

const serviceAccounts = (caller: Caller) => ({
  /**
   * The service accounts
   *
   * Permission: service-accounts:list.
   */
  list: (options?: With<api.ListServiceAccountsData['query']>): Promise<api.ListServiceAccountsResponse> => caller.call({ method: 'GET', path: `/service-accounts` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListServiceAccountsData['query']>): AsyncGenerator<api.ListServiceAccountsResponse[number], void> => caller.all({ method: 'GET', path: `/service-accounts` }, options),
  /**
   * A new service account, which may do nothing until a role is bound to it
   *
   * Permission: service-accounts:create.
   */
  create: (body: api.CreateServiceAccountData['body'], options?: CallOptions): Promise<api.CreateServiceAccountResponse> => caller.call({ method: 'POST', path: `/service-accounts`, body }, options),
  /**
   * One service account, by id or user name
   *
   * Permission: service-accounts:get.
   */
  get: (serviceAccount: string, options?: CallOptions): Promise<api.GetServiceAccountResponse> => caller.call({ method: 'GET', path: `/service-accounts/${part(serviceAccount)}` }, options),
  /**
   * Changes the description, or whether it is active; an inactive one loses its tokens at once
   *
   * Permission: service-accounts:update.
   */
  update: (serviceAccount: string, body?: api.UpdateServiceAccountData['body'], options?: CallOptions): Promise<api.UpdateServiceAccountResponse> => caller.call({ method: 'PUT', path: `/service-accounts/${part(serviceAccount)}`, body }, options),
  /**
   * Removes a service account with its bindings and API keys; not oneself, and not the last admin
   *
   * Permission: service-accounts:delete.
   */
  delete: (serviceAccount: string, options?: CallOptions): Promise<api.DeleteServiceAccountResponse> => caller.call({ method: 'DELETE', path: `/service-accounts/${part(serviceAccount)}` }, options),
  /**
   * Sets the password and ends older tokens; one’s own with the current one
   *
   * With service-accounts:update no current password is needed, but for an account that may do more than the caller it is a 403.
   *
   * Permission: self or service-accounts:update.
   */
  updatePassword: (serviceAccount: string, body: api.UpdateServiceAccountPasswordData['body'], options?: CallOptions): Promise<api.UpdateServiceAccountPasswordResponse> => caller.call({ method: 'PUT', path: `/service-accounts/${part(serviceAccount)}/password`, body }, options),
});

const roles = (caller: Caller) => ({
  /**
   * The roles, built-in ones among them
   *
   * Permission: roles:list.
   */
  list: (options?: With<api.ListRolesData['query']>): Promise<api.ListRolesResponse> => caller.call({ method: 'GET', path: `/roles` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListRolesData['query']>): AsyncGenerator<api.ListRolesResponse[number], void> => caller.all({ method: 'GET', path: `/roles` }, options),
  /**
   * A new role; it gives nothing until it is bound
   *
   * Permission: roles:create.
   */
  create: (body: api.CreateRoleData['body'], options?: Keyed): Promise<api.CreateRoleResponse> => caller.call({ method: 'POST', path: `/roles`, body, isKeyed: true }, options),
  /**
   * One role, by id or name
   *
   * Permission: roles:get.
   */
  get: (role: string, options?: CallOptions): Promise<api.GetRoleResponse> => caller.call({ method: 'GET', path: `/roles/${part(role)}` }, options),
  /**
   * Removes a role with its bindings; built-in ones stay
   *
   * Permission: roles:delete.
   */
  delete: (role: string, options?: CallOptions): Promise<api.DeleteRoleResponse> => caller.call({ method: 'DELETE', path: `/roles/${part(role)}` }, options),
});

const roleBindings = (caller: Caller) => ({
  /**
   * Who holds which role where
   *
   * Permission: role-bindings:list.
   */
  list: (options?: With<api.ListRoleBindingsData['query']>): Promise<api.ListRoleBindingsResponse> => caller.call({ method: 'GET', path: `/role-bindings` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListRoleBindingsData['query']>): AsyncGenerator<api.ListRoleBindingsResponse[number], void> => caller.all({ method: 'GET', path: `/role-bindings` }, options),
  /**
   * Gives a role to an account, in one space or in all; never more than one holds
   *
   * Permission: role-bindings:create.
   */
  create: (body: api.CreateRoleBindingData['body'], options?: Keyed): Promise<api.CreateRoleBindingResponse> => caller.call({ method: 'POST', path: `/role-bindings`, body, isKeyed: true }, options),
  /**
   * One role binding
   *
   * Permission: role-bindings:get.
   */
  get: (roleBinding: string, options?: CallOptions): Promise<api.GetRoleBindingResponse> => caller.call({ method: 'GET', path: `/role-bindings/${part(roleBinding)}` }, options),
  /**
   * Takes a role from an account at once; not the last admin’s
   *
   * Permission: role-bindings:delete.
   */
  delete: (roleBinding: string, options?: CallOptions): Promise<api.DeleteRoleBindingResponse> => caller.call({ method: 'DELETE', path: `/role-bindings/${part(roleBinding)}` }, options),
});

const apiKeys = (caller: Caller) => ({
  /**
   * The caller’s own API keys
   *
   * Permission: self.
   */
  list: (options?: With<api.ListApiKeysData['query']>): Promise<api.ListApiKeysResponse> => caller.call({ method: 'GET', path: `/api-keys` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListApiKeysData['query']>): AsyncGenerator<api.ListApiKeysResponse[number], void> => caller.all({ method: 'GET', path: `/api-keys` }, options),
  /**
   * A new API key, to be sent as a Bearer token; shown once
   *
   * It may do what its owner may, narrowed by its rules, and loses it with the owner.
   *
   * Permission: self.
   */
  create: (body: api.CreateApiKeyData['body'], options?: CallOptions): Promise<api.CreateApiKeyResponse> => caller.call({ method: 'POST', path: `/api-keys`, body }, options),
  /**
   * Ends an API key at once, and the streams opened with it
   *
   * Permission: own or service-accounts:update.
   */
  delete: (apiKey: string, options?: CallOptions): Promise<api.DeleteApiKeyResponse> => caller.call({ method: 'DELETE', path: `/api-keys/${part(apiKey)}` }, options),
});

const spaces = (caller: Caller) => ({
  /**
   * The spaces that the caller may see
   *
   * Permission: spaces:list.
   */
  list: (options?: With<api.ListSpacesData['query']>): Promise<api.ListSpacesResponse> => caller.call({ method: 'GET', path: `/spaces` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListSpacesData['query']>): AsyncGenerator<api.ListSpacesResponse[number], void> => caller.all({ method: 'GET', path: `/spaces` }, options),
  /**
   * A new space
   *
   * Settings are free-form. Known are `timeouts` and `resources`, which sessions take that say nothing else, and `quotas` (`sessions`, `cpu`, `memory_bytes`): what all sessions of the space may have together.
   *
   * Permission: spaces:create.
   */
  create: (body: api.CreateSpaceData['body'], options?: Keyed): Promise<api.CreateSpaceResponse> => caller.call({ method: 'POST', path: `/spaces`, body, isKeyed: true }, options),
  /**
   * One space
   *
   * Permission: spaces:get.
   */
  get: (space: string, options?: CallOptions): Promise<api.GetSpaceResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}` }, options),
  /**
   * Changes what is named; settings are replaced as a whole
   *
   * Settings are free-form. Known are `timeouts` and `resources`, which sessions take that say nothing else, and `quotas` (`sessions`, `cpu`, `memory_bytes`): what all sessions of the space may have together. An inactive space takes no new sessions, messages and builds, and resumes none; what runs goes on.
   *
   * Permission: spaces:update.
   */
  update: (space: string, body?: api.UpdateSpaceData['body'], options?: CallOptions): Promise<api.UpdateSpaceResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}`, body }, options),
  /**
   * Removes a space without sessions, with its secrets, agents, builds and bindings
   *
   * Permission: spaces:delete.
   */
  delete: (space: string, options?: CallOptions): Promise<api.DeleteSpaceResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}` }, options),
  /**
   * Builds the active agents of a space into one image
   *
   * Without force a build that holds the same, finished or under way, is answered instead of a new one.
   *
   * Permission: builds:create.
   */
  build: (space: string, body?: api.BuildSpaceData['body'], options?: Keyed): Promise<api.BuildSpaceResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/build`, body, isKeyed: true }, options),
});

const secrets = (caller: Caller) => ({
  /**
   * The secrets of a space
   *
   * Permission: secrets:list.
   */
  list: (space: string, options?: With<api.ListSecretsData['query']>): Promise<api.ListSecretsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (space: string, options?: WithoutPage<api.ListSecretsData['query']>): AsyncGenerator<api.ListSecretsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/secrets` }, options),
  /**
   * A new secret: an environment variable of what agents run
   *
   * The answer has no value. In force before the next message of the space’s sessions runs.
   *
   * Permission: secrets:create.
   */
  create: (space: string, body: api.CreateSecretData['body'], options?: CallOptions): Promise<api.CreateSecretResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/secrets`, body }, options),
  /**
   * One secret
   *
   * Permission: secrets:get.
   */
  get: (space: string, secret: string, options?: With<api.GetSecretData['query']>): Promise<api.GetSecretResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/secrets/${part(secret)}` }, options),
  /**
   * Changes value or description
   *
   * Permission: secrets:update.
   */
  update: (space: string, secret: string, body?: api.UpdateSecretData['body'], options?: With<api.UpdateSecretData['query']>): Promise<api.UpdateSecretResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/secrets/${part(secret)}`, body }, options),
  /**
   * Removes a secret
   *
   * Permission: secrets:delete.
   */
  delete: (space: string, secret: string, options?: CallOptions): Promise<api.DeleteSecretResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/secrets/${part(secret)}` }, options),
});

const agents = (caller: Caller) => ({
  /**
   * The agents of a space
   *
   * Permission: agents:list.
   */
  list: (space: string, options?: With<api.ListAgentsData['query']>): Promise<api.ListAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (space: string, options?: WithoutPage<api.ListAgentsData['query']>): AsyncGenerator<api.ListAgentsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/agents` }, options),
  /**
   * The agents of a space that have a live worker in any session
   *
   * Permission: agents:list.
   */
  listRunning: (space: string, options?: With<api.ListRunningAgentsData['query']>): Promise<api.ListRunningAgentsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/running` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  allRunning: (space: string, options?: WithoutPage<api.ListRunningAgentsData['query']>): AsyncGenerator<api.ListRunningAgentsResponse[number], void> => caller.all({ method: 'GET', path: `/spaces/${part(space)}/agents/running` }, options),
  /**
   * A new agent; what it runs comes from its repository or an upload
   *
   * With source_repo it is active at once, and a build is queued; without one nothing runs until a source is uploaded and deployed.
   *
   * Permission: agents:create.
   */
  create: (space: string, body: api.CreateAgentData['body'], options?: Keyed): Promise<api.CreateAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents`, body, isKeyed: true }, options),
  /**
   * One agent
   *
   * Permission: agents:get.
   */
  get: (space: string, agent: string, options?: CallOptions): Promise<api.GetAgentResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/${part(agent)}` }, options),
  /**
   * Changes what is named; null clears description and purpose
   *
   * Permission: agents:update.
   */
  update: (space: string, agent: string, body?: api.UpdateAgentData['body'], options?: CallOptions): Promise<api.UpdateAgentResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/agents/${part(agent)}`, body }, options),
  /**
   * Removes an agent, and ends its workers
   *
   * Images that hold it stay. What it was asked and has not answered, or is asked later, gets an error_response.
   *
   * Permission: agents:delete.
   */
  delete: (space: string, agent: string, options?: CallOptions): Promise<api.DeleteAgentResponse> => caller.call({ method: 'DELETE', path: `/spaces/${part(space)}/agents/${part(agent)}` }, options),
  /**
   * Makes an agent active, inactive or stopped
   *
   * An inactive or stopped agent gets no messages: they get an error_response. Stopping ends its workers too.
   *
   * Permission: agents:update.
   */
  updateStatus: (space: string, agent: string, body: api.UpdateAgentStatusData['body'], options?: CallOptions): Promise<api.UpdateAgentStatusResponse> => caller.call({ method: 'PATCH', path: `/spaces/${part(space)}/agents/${part(agent)}/status`, body }, options),
  /**
   * The files of an agent as tar.gz, up to 64 MiB packed
   *
   * Permission: agents:update.
   */
  updateSource: (space: string, agent: string, body: api.UpdateAgentSourceData['body'], options?: CallOptions): Promise<api.UpdateAgentSourceResponse> => caller.call({ method: 'PUT', path: `/spaces/${part(space)}/agents/${part(agent)}/source`, body, mediaType: 'application/gzip' }, options),
  /**
   * Builds the newest source and makes the agent active
   *
   * Permission: agents:deploy.
   */
  deploy: (space: string, agent: string, options?: CallOptions): Promise<api.DeployAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents/${part(agent)}/deploy` }, options),
  /**
   * Ends an agent’s workers in every session, and makes it inactive
   *
   * Permission: agents:deploy.
   */
  stop: (space: string, agent: string, options?: CallOptions): Promise<api.StopAgentResponse> => caller.call({ method: 'POST', path: `/spaces/${part(space)}/agents/${part(agent)}/stop` }, options),
  /**
   * What an agent printed in the sessions that are up
   *
   * Logs stay on the sessions’ volumes. A session that rests can be read once it is resumed: 409 where it is named, and otherwise it is passed over. With follow=true the answer is a text/event-stream.
   *
   * Permission: agents:logs.
   */
  getLogs: (space: string, agent: string, options?: With<api.GetAgentLogsData['query']>): Promise<api.GetAgentLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/agents/${part(agent)}/logs` }, options),
});

const builds = (caller: Caller) => ({
  /**
   * The newest build of a space
   *
   * Permission: builds:get.
   */
  getLatest: (space: string, options?: CallOptions): Promise<api.GetBuildLatestResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/latest` }, options),
  /**
   * One build
   *
   * Permission: builds:get.
   */
  get: (space: string, build: string, options?: CallOptions): Promise<api.GetBuildResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/${part(build)}` }, options),
  /**
   * What became of a build, line by line
   *
   * Permission: builds:get.
   */
  getLogs: (space: string, build: string, options?: CallOptions): Promise<api.GetBuildLogsResponse> => caller.call({ method: 'GET', path: `/spaces/${part(space)}/build/${part(build)}/logs` }, options),
});

const sessions = (caller: Caller) => ({
  /**
   * The sessions that the caller may see
   *
   * Own sessions count while the caller holds a role in their space. A space in which it holds none is 404.
   *
   * Permission: own or sessions:list.
   */
  list: (options?: With<ByMetadata<api.ListSessionsData['query']>>): Promise<api.ListSessionsResponse> => caller.call({ method: 'GET', path: `/sessions` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<ByMetadata<api.ListSessionsData['query']>>): AsyncGenerator<api.ListSessionsResponse[number], void> => caller.all({ method: 'GET', path: `/sessions` }, options),
  /**
   * A new session; ?wait=30s answers once it is up
   *
   * Permission: sessions:create.
   */
  create: (body?: api.CreateSessionData['body'], options?: With<api.CreateSessionData['query'], Keyed>): Promise<api.CreateSessionResponse> => caller.call({ method: 'POST', path: `/sessions`, body, isKeyed: true }, options),
  /**
   * One session
   *
   * Permission: own or sessions:get.
   */
  get: (session: string, options?: CallOptions): Promise<api.GetSessionResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}` }, options),
  /**
   * Another name, other metadata
   *
   * Metadata are replaced as a whole. What is not sent stays; 400 when nothing is, 409 where they exceed quotas.storage_bytes of the space.
   *
   * Permission: own or sessions:update.
   */
  update: (session: string, body?: api.UpdateSessionData['body'], options?: CallOptions): Promise<api.UpdateSessionResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}`, body }, options),
  /**
   * A new running session that begins as a copy of this one; ?wait=30s answers once it is up
   *
   * With data=false and messages=false sessions:get is enough. It also needs sessions:create in the space of the copy, by default the parent’s, and sessions:files where the volume leaves its space. The parent is frozen while its volume is copied. The copy is the caller’s, has the secrets of its own space, and is placed on the parent’s node: 503 when that has no room, 409 when it is lost.
   *
   * Permission: own or sessions:update.
   */
  remix: (session: string, body?: api.RemixSessionData['body'], options?: With<api.RemixSessionData['query'], Keyed>): Promise<api.RemixSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/remix`, body, isKeyed: true }, options),
  /**
   * Freezes a session at once; its memory is kept
   *
   * Permission: own or sessions:update.
   */
  pause: (session: string, options?: With<api.PauseSessionData['query']>): Promise<api.PauseSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/pause` }, options),
  /**
   * Lets a running message finish within a grace (?force=true: interrupts it), then removes the container and keeps the volume
   *
   * Permission: own or sessions:update.
   */
  suspend: (session: string, options?: With<api.SuspendSessionData['query']>): Promise<api.SuspendSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/suspend` }, options),
  /**
   * Brings a paused or suspended session back; ?wait=30s answers once it is up
   *
   * Permission: own or sessions:update.
   */
  resume: (session: string, options?: With<api.ResumeSessionData['query']>): Promise<api.ResumeSessionResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/resume` }, options),
  /**
   * The request that leads to a state: paused, suspended, idle (resume), init (recover)
   *
   * Permission: own or sessions:update.
   */
  updateState: (session: string, body: api.UpdateSessionStateData['body'], options?: CallOptions): Promise<api.UpdateSessionStateResponse> => caller.call({ method: 'PUT', path: `/sessions/${part(session)}/state`, body }, options),
  /**
   * Ends a session for good, with its volume and messages
   *
   * Permission: own or sessions:delete.
   */
  delete: (session: string, options?: CallOptions): Promise<api.DeleteSessionResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}` }, options),
});

const messages = (caller: Caller) => ({
  /**
   * The messages by seq, oldest first
   *
   * Permission: own or sessions:get.
   */
  list: (session: string, options?: With<api.ListMessagesData['query']>): Promise<api.ListMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (session: string, options?: WithoutPage<api.ListMessagesData['query']>): AsyncGenerator<api.ListMessagesResponse[number], void> => caller.all({ method: 'GET', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * A new message; ?wait=30s answers once there is the reply, as `reply`
   *
   * Permission: own or sessions:update.
   */
  create: (session: string, body: api.CreateMessageData['body'], options?: With<api.CreateMessageData['query'], Keyed>): Promise<api.CreateMessageResponse> => caller.call({ method: 'POST', path: `/sessions/${part(session)}/messages`, body, isKeyed: true }, options),
  /**
   * Forgets the messages; what is running goes on, and its answer is dropped
   *
   * Permission: own or sessions:update.
   */
  delete: (session: string, options?: CallOptions): Promise<api.DeleteMessagesResponse> => caller.call({ method: 'DELETE', path: `/sessions/${part(session)}/messages` }, options),
  /**
   * How many messages there are
   *
   * Permission: own or sessions:get.
   */
  count: (session: string, options?: CallOptions): Promise<api.CountMessagesResponse> => caller.call({ method: 'GET', path: `/sessions/${part(session)}/messages/count` }, options),
});

const nodes = (caller: Caller) => ({
  /**
   * The nodes with capacity, what is requested of it, lease and conditions
   *
   * Permission: nodes:list.
   */
  list: (options?: With<api.ListNodesData['query']>): Promise<api.ListNodesResponse> => caller.call({ method: 'GET', path: `/nodes` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (options?: WithoutPage<api.ListNodesData['query']>): AsyncGenerator<api.ListNodesResponse[number], void> => caller.all({ method: 'GET', path: `/nodes` }, options),
  /**
   * One node
   *
   * Permission: nodes:get.
   */
  get: (node: string, options?: CallOptions): Promise<api.GetNodeResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}` }, options),
  /**
   * Gives up a node that is unreachable: its sessions fail at once, instead of when it has been away too long
   *
   * Permission: nodes:update.
   */
  lose: (node: string, options?: CallOptions): Promise<api.LoseNodeResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/lost` }, options),
  /**
   * A token with which one node joins; shown once
   *
   * Permission: nodes:create.
   */
  createToken: (body?: api.CreateNodeTokenData['body'], options?: CallOptions): Promise<api.CreateNodeTokenResponse> => caller.call({ method: 'POST', path: `/nodes/tokens`, body }, options),
});

const orphans = (caller: Caller) => ({
  /**
   * Containers and volumes on a node that no session explains; they stay until somebody decides
   *
   * Permission: nodes:get.
   */
  list: (node: string, options?: With<api.ListOrphansData['query']>): Promise<api.ListOrphansResponse> => caller.call({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /** Every one of them, page by page. What is there all along comes once; what is made meanwhile may be missing. */
  all: (node: string, options?: WithoutPage<api.ListOrphansData['query']>): AsyncGenerator<api.ListOrphansResponse[number], void> => caller.all({ method: 'GET', path: `/nodes/${part(node)}/orphans` }, options),
  /**
   * Makes a session of an orphan, owned by the caller: one with a container runs on, one without is suspended
   *
   * It also needs sessions:create and sessions:update in the space of the orphan.
   *
   * Permission: nodes:update.
   */
  adopt: (node: string, orphan: string, options?: CallOptions): Promise<api.AdoptOrphanResponse> => caller.call({ method: 'POST', path: `/nodes/${part(node)}/orphans/${part(orphan)}/adopt` }, options),
  /**
   * Removes an orphan for good, with its volume
   *
   * Permission: nodes:update.
   */
  delete: (node: string, orphan: string, options?: CallOptions): Promise<api.DeleteOrphanResponse> => caller.call({ method: 'DELETE', path: `/nodes/${part(node)}/orphans/${part(orphan)}` }, options),
});

const audit = (caller: Caller) => ({
  /**
   * Who did what, to which thing, from where, and what came of it; newest first
   *
   * Every change, every request that was refused for lack of rights, and the reading of secret values and agents’ logs. With audit:list in one space, `space` must name it.
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
