// Original file: node.proto

import type { RepositoryCredential as _raworc_node_v0_RepositoryCredential, RepositoryCredential__Output as _raworc_node_v0_RepositoryCredential__Output } from '../../../raworc/node/v0/RepositoryCredential.ts';

/**
 * An agent's source that the node fetches with git, and hands over with PutSource.
 */
export interface RepositorySource {
  'agent'?: (string);
  /**
   * without a credential
   */
  'url'?: (string);
  /**
   * a branch, a tag, a commit, or HEAD
   */
  'ref'?: (string);
  /**
   * in the repository; "": its root
   */
  'directory'?: (string);
  /**
   * the controller has the source of this commit; "": of none
   */
  'knownCommit'?: (string);
  /**
   * absent: none
   */
  'credential'?: (_raworc_node_v0_RepositoryCredential | null);
}

/**
 * An agent's source that the node fetches with git, and hands over with PutSource.
 */
export interface RepositorySource__Output {
  'agent': (string);
  /**
   * without a credential
   */
  'url': (string);
  /**
   * a branch, a tag, a commit, or HEAD
   */
  'ref': (string);
  /**
   * in the repository; "": its root
   */
  'directory': (string);
  /**
   * the controller has the source of this commit; "": of none
   */
  'knownCommit': (string);
  /**
   * absent: none
   */
  'credential': (_raworc_node_v0_RepositoryCredential__Output | null);
}
