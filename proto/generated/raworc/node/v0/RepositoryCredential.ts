// Original file: node.proto


/**
 * For the container that runs git, and never anywhere else.
 */
export interface RepositoryCredential {
  'username'?: (string);
  'password'?: (string);
  /**
   * in PEM form; "": a password
   */
  'privateKey'?: (string);
  /**
   * lines of OpenSSH's known_hosts file
   */
  'knownHosts'?: (string);
}

/**
 * For the container that runs git, and never anywhere else.
 */
export interface RepositoryCredential__Output {
  'username': (string);
  'password': (string);
  /**
   * in PEM form; "": a password
   */
  'privateKey': (string);
  /**
   * lines of OpenSSH's known_hosts file
   */
  'knownHosts': (string);
}
