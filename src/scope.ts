/**
 * Whether a scope's action pattern names everything that `narrow` names. `narrow` is a Cedar action id or a pattern itself; only a
 * trailing `*` means more than it says.
 */
export function namesAction(pattern: string, narrow: string): boolean {
  return pattern.endsWith('*') ? narrow.startsWith(pattern.slice(0, -1)) : narrow === pattern
}
