// Original file: node.proto

import type { Long } from '@grpc/proto-loader';

export interface Welcome {
  /**
   * of this stream: the highest that both speak
   */
  'protocolVersion'?: (number);
  'controllerVersion'?: (string);
  'clusterId'?: (string);
  'epoch'?: (number | string | Long);
  'leaseMs'?: (number | string | Long);
  'heartbeatMs'?: (number | string | Long);
  'nodeId'?: (string);
}

export interface Welcome__Output {
  /**
   * of this stream: the highest that both speak
   */
  'protocolVersion': (number);
  'controllerVersion': (string);
  'clusterId': (string);
  'epoch': (number);
  'leaseMs': (number);
  'heartbeatMs': (number);
  'nodeId': (string);
}
