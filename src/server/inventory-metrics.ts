/** What /metrics tells of the inventory file that this process follows. */
import { Gauge, type Registry } from 'prom-client'

export interface InventoryState {
  /** Whether the file, as it is now, is what the store was made to say. */
  readonly inForce: boolean
  /** When it last was, milliseconds since 1970; null: never by this process. */
  readonly appliedAt: number | null
}

/** `state`: undefined while no file is followed. */
export function createInventoryMetrics(registry: Registry, state: () => InventoryState | undefined): void {
  const gauge = (name: string, help: string, value: (state: InventoryState) => number | null) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.reset()
        const now = state()
        const number = now && value(now)
        if (number !== undefined && number !== null) this.set(number)
        else this.remove()
      },
    })
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
