/** Finds which members of a set something refuses, when it accepts the rest. */

/**
 * The members without which `accepts` accepts all. Asks about 2·k·log₂(n) times for k of n; `accepts` is asked about
 * subsets, each to be tried together with whatever is known to be good. Members that are refused only together are not
 * found.
 */
export async function findRefused<T>(
  members: readonly T[],
  accepts: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (members.length === 0 || (await accepts(members))) return []
  if (members.length === 1) return members
  const middle = members.length >> 1
  return [
    ...(await findRefused(members.slice(0, middle), accepts)),
    ...(await findRefused(members.slice(middle), accepts)),
  ]
}
