/** What /metrics tells of the certificate that this process presents. */
import type { Registry } from 'prom-client'
import { stateGauges } from './state-gauges.ts'

export interface CertificateState {
  /** Whether its files, as they are now, are what is presented. */
  readonly inForce: boolean
  /** When it ends, milliseconds since 1970. */
  readonly notAfter: number
}

/** `state`: undefined where plain HTTP is spoken. */
export function createCertificateMetrics(
  registry: Registry,
  state: () => CertificateState | undefined,
): void {
  const gauge = stateGauges(registry, state)
  gauge(
    'portcullis_tls_certificate_in_force',
    'Whether the files of the TLS certificate are what is presented: 1, or 0 while they are wrong or cannot be read, and what was read before is presented.',
    ({ inForce }) => Number(inForce),
  )
  gauge(
    'portcullis_tls_certificate_not_after_timestamp_seconds',
    'When the TLS certificate that is presented ends.',
    ({ notAfter }) => notAfter / 1000,
  )
}
