/** The account that agents run as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}
