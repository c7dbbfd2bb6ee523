/** Gauges of something that may not be there: their series come and go with it. */
import { Gauge, type Registry } from 'prom-client'

/** `state`: undefined while it is not there. A value that is null is of no series. */
export const stateGauges =
  <State>(registry: Registry, state: () => State | undefined) =>
  (name: string, help: string, value: (state: State) => number | null): void => {
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
  }
