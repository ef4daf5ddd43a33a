import { Client, credentials } from '@grpc/grpc-js';
import { CONTROLLER_NAME, type Keepalive, transportOptions } from '../../proto/node-service.ts';

export interface ChannelTrust {
  readonly caPem: string;
  /** Absent before the node has joined. */
  readonly own?: { readonly keyPem: string; readonly certificatePem: string };
}

/**
 * Returns a connection to one controller (`host:port`), dialled at the first call. TLS checks it
 * against the cluster's CA and ignores the host name. `windowBytes` can be under way to this end at
 * once; HTTP/2's default of 64 KiB allows 1 MB/s over 60 ms.
 */
export function openChannel(address: string, trust: ChannelTrust, keepalive: Keepalive, windowBytes?: number): Client {
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  const secured = credentials.createSsl(Buffer.from(trust.caPem), pem(trust.own?.keyPem), pem(trust.own?.certificatePem));
  return new Client(address, secured, {
    ...transportOptions(keepalive),
    'grpc.ssl_target_name_override': CONTROLLER_NAME,
    'grpc.default_authority': CONTROLLER_NAME,
    'grpc.enable_http_proxy': 0, // a proxy in the environment is meant for the web
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1, // closing this client closes its connection
    // The library's retry buffer would acknowledge writes that were never sent, and hide up to 1
    // MiB from the link's bound.
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
    ...(windowBytes === undefined ? {} : { 'grpc-node.flow_control_window': windowBytes }),
  });
}

/** Returns the innermost cause in the library's message about a failed connection. */
export function connectionProblem(details: string): string {
  const cause = /Last error: (?:Error: )?(.*?)\.? Resolution note:/s.exec(details)?.[1];
  return cause === undefined || cause === '' ? details : cause;
}
