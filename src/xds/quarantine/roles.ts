/**
 * The snapshot keys of one role. Mostly that is one, the role itself; where some of its proxies are given less, since they know less, these have
 * a key of their own. What is refused is refused by proxies of the role, whichever of its keys they have.
 */
export interface Roles {
  /** The role that a snapshot key stands for. */
  roleOf(key: string): string;
  /** The snapshot keys of a role, its own first. */
  keysOf(role: string): readonly string[];
  /** A proxy of this program's version has the role, at another replica or in an earlier life: its key is to be there. */
  prepare(role: string, nodeVersion: string): void;
}

/** Each role has one key. */
export const plainRoles: Roles = { roleOf: (key) => key, keysOf: (role) => [role], prepare() {} };
