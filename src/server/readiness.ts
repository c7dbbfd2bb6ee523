/** Whether a process is of use to a load balancer, and what is wrong with it although it is. */
import type { HostStatus } from '../core/model/desired.ts'

export type Readiness =
  | { readonly ready: true /** Empty: all is well. */; readonly reasons: readonly string[] }
  | { readonly ready: false; readonly reasons: readonly string[] }

/**
 * Of a process that enforces: not ready when nothing of its host is enforced. Anybody may read the reasons, so they name
 * no tenant's things and repeat no error.
 */
export function readinessOf(status: HostStatus | undefined): Readiness {
  if (!status || status.appliedRevision === null) {
    return { ready: false, reasons: ['nothing has been enforced yet'] }
  }
  const { host, interfaces, state, observe, warnings } = status
  const count = (wanted: (typeof interfaces)[number]['state']) =>
    interfaces.filter((each) => each.state === wanted).length
  if (interfaces.length === 0) return { ready: false, reasons: [`no interface is on host ${host}`] }
  const [failing, observing] = [count('failing'), count('observing')]
  if (failing === interfaces.length) return { ready: false, reasons: ['no interface can be enforced'] }
  return {
    ready: true,
    reasons: [
      ...(state === 'failing'
        ? ['the last change could not be applied; what was enforced stays in force']
        : []),
      ...(failing > 0 ? [`${failing} of ${interfaces.length} interfaces cannot be enforced`] : []),
      ...(observe
        ? ['observing: nothing is dropped']
        : observing > 0
          ? [`observing: nothing is dropped on ${observing} of ${interfaces.length} interfaces`]
          : []),
      ...(warnings.length > 0 ? ['there are warnings in the log'] : []),
    ],
  }
}
