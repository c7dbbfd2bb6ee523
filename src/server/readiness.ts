/** Whether a process is of use to a load balancer, and what is wrong with it although it is. */
import type { HostView } from '../service/host-view.ts'

export type Readiness =
  | { readonly ready: true /** Empty: all is well. */; readonly reasons: readonly string[] }
  | { readonly ready: false; readonly reasons: readonly string[] }

/**
 * Of a process that enforces: not ready before what is wanted of its host is in force, which may be nothing, and when none of its
 * interfaces can be enforced. Anybody may read the reasons, so they name no tenant's things and repeat no error.
 */
export function readinessOf(view: HostView | undefined): Readiness {
  if (!view || view.words.appliedRevision === null) {
    return { ready: false, reasons: ['nothing has been enforced yet'] }
  }
  const { words, size, states } = view
  const { host, state, observe, warnings } = words
  const { failing, observing } = states
  if (size > 0 && failing === size) return { ready: false, reasons: ['no interface can be enforced'] }
  return {
    ready: true,
    reasons: [
      // A host without VMs, or a name that nobody meant.
      ...(size === 0 ? [`no interface is on host ${host}`] : []),
      ...(state === 'failing'
        ? ['the last change could not be applied; what was enforced stays in force']
        : []),
      ...(failing > 0 ? [`${failing} of ${size} interfaces cannot be enforced`] : []),
      ...(observe
        ? ['observing: nothing is dropped']
        : observing > 0
          ? [`observing: nothing is dropped on ${observing} of ${size} interfaces`]
          : []),
      ...(warnings.length > 0 ? ['there are warnings in the log'] : []),
    ],
  }
}
