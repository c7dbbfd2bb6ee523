/** What /metrics tells of the inventory file that this process follows. */
import type { Registry } from 'prom-client'
import { stateGauges } from './state-gauges.ts'

export interface InventoryState {
  /** Whether the file, as it is now, is what the store was made to say. */
  readonly inForce: boolean
  /** When it last was, milliseconds since 1970; null: never by this process. */
  readonly appliedAt: number | null
}

/** `state`: undefined while no file is followed. */
export function createInventoryMetrics(registry: Registry, state: () => InventoryState | undefined): void {
  const gauge = stateGauges(registry, state)
  gauge(
    'portcullis_inventory_in_force',
    'Whether the inventory file is what was applied last: 1, or 0 while it is wrong or cannot be read, and what was applied before holds.',
    ({ inForce }) => Number(inForce),
  )
  gauge(
    'portcullis_inventory_last_applied_timestamp_seconds',
    'When the inventory file was last found to be in force, or made so.',
    ({ appliedAt }) => (appliedAt === null ? null : appliedAt / 1000),
  )
}
