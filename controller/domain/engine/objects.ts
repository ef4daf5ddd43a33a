/** What REST shows of each thing, in its own spelling. Times are RFC 3339 in UTC with milliseconds. */

export type Metadata = Readonly<Record<string, unknown>>;

export interface SessionObject {
  readonly id: string;
  readonly name: string | null;
  readonly space: string;
  readonly created_by: string;
  readonly state: 'init' | 'idle' | 'busy' | 'paused' | 'suspended' | 'error';
  readonly container_id: string | null;
  readonly persistent_volume_id: string | null;
  readonly parent_session_id: string | null;
  readonly node: string | null;
  readonly running: boolean;
  readonly settled: boolean;
  readonly timeouts: Readonly<Record<string, number>>;
  readonly created_at: string;
  readonly updated_at: string;
  readonly started_at: string | null;
  readonly last_activity_at: string | null;
  readonly terminated_at: string | null;
  readonly termination_reason: string | null;
  readonly metadata: Metadata;
}

export interface MessageObject {
  readonly id: string;
  readonly session_id: string;
  readonly seq: number;
  readonly role: 'user' | 'agent' | 'system';
  readonly content: string;
  readonly metadata: Metadata;
  readonly created_by: string;
  readonly created_at: string;
}

export interface AgentObject {
  readonly name: string;
  readonly space: string;
  readonly description: string | null;
  readonly purpose: string | null;
  readonly source_repo: string | null;
  readonly source_branch: string;
  readonly status: 'active' | 'inactive' | 'configured' | 'building' | 'running' | 'stopped' | 'error';
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by: string;
}

export interface RunningAgentObject {
  readonly name: string;
  readonly status: AgentObject['status'];
  /** Of the worker that has lived longest. */
  readonly started_at: string;
  /** How many have a worker of it. */
  readonly sessions: number;
}

export interface AgentLogsObject {
  readonly agent_name: string;
  readonly space: string;
  /** Oldest first. */
  readonly logs: readonly {
    readonly session_id: string;
    readonly run_id: string;
    readonly stream: 'stdout' | 'stderr';
    readonly line: string;
    readonly timestamp: string;
  }[];
  /** Sessions that are up and could not be read in time. */
  readonly unread_sessions: number;
}

export interface BuildObject {
  readonly id: string;
  readonly build_id: string;
  readonly space: string;
  readonly status: 'pending' | 'building' | 'completed' | 'failed';
  readonly image_tag: string | null;
  readonly started_at: string;
  readonly completed_at: string | null;
  readonly agents_deployed: readonly string[];
  readonly error: string | null;
  readonly created_by: string;
}

export interface BuildLogObject {
  readonly build_id: string;
  readonly space: string;
  readonly status: BuildObject['status'];
  readonly logs: readonly { readonly line: string; readonly timestamp: string }[];
}

export interface SourceObject {
  readonly agent: string;
  readonly space: string;
  readonly digest: string;
  readonly size_bytes: number;
  readonly files: number;
  readonly runtime: string;
  readonly handler: string;
  readonly created_at: string;
}

export interface OrphanObject {
  readonly session_id: string;
  readonly generation: number;
  readonly container_id: string | null;
  readonly persistent_volume_id: string | null;
  readonly space: string | null;
  readonly image: string | null;
}

export interface NodeObject {
  readonly id: string;
  readonly name: string;
  readonly status: 'ready' | 'unreachable' | 'lost';
  readonly driver: string;
  readonly version: string;
  /** `disk_bytes`: of the file system that holds the disks. Null: no bound. */
  readonly capacity: {
    readonly cpu: number;
    readonly memory_bytes: number;
    readonly sessions: number | null;
    readonly processes: number | null;
    readonly disk_bytes: number | null;
  };
  /** Sums over the limits of its sessions, with the guests' processes. */
  readonly limits: { readonly memory_bytes: number; readonly disk_bytes: number; readonly processes: number };
  /** Of one session. Null: no bound of the node's own. */
  readonly maxima: {
    readonly cpu: number | null;
    readonly memory_bytes: number | null;
    readonly disk_bytes: number | null;
    readonly processes: number | null;
  };
  readonly requested: { readonly cpu: number; readonly memory_bytes: number };
  readonly sessions: number;
  readonly images: readonly string[];
  readonly lease: { readonly seconds: number; readonly expires_at: string | null };
  readonly conditions: readonly { readonly type: string; readonly message: string; readonly since?: string | undefined }[];
  readonly joined_at: string;
  readonly last_seen_at: string | null;
  readonly unreachable_since: string | null;
  readonly lost_at: string | null;
}
