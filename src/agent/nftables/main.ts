/** The process that enforces with nftables: a service starts it, with the channel as file 3 and its options in the environment. */
import { Socket } from 'node:net'
import { runAgentProcess } from '../process.ts'
import { guardPath, guardPatienceMs, raiseGuard } from './guard.ts'
import { createNftKernel } from './nft-kernel.ts'
import { createNftables } from './nftables.ts'
import { optionsIn } from './process-options.ts'

const { data, guard, host, nft: program, observe, ...rest } = optionsIn(process.env)

// A terminal and an init system signal all processes of a service. This one ends when the service says so, or is no more.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

await runAgentProcess({
  stream: new Socket({ fd: 3 }),
  host,
  target: 'nftables',
  observeHost: observe,
  async closeFirst() {
    // Nothing may be cut on a host that is observed.
    if (observe) return null
    const kernel = createNftKernel({ patienceMs: guardPatienceMs, ...(program !== undefined && { program }) })
    const raised = await raiseGuard({ kernel, path: guardPath(data), patterns: guard }).finally(() =>
      kernel.close(),
    )
    return raised.unwritten
  },
  createDataplane: () =>
    createNftables({
      ...rest,
      observe,
      guard,
      guardPath: guardPath(data),
      ...(program !== undefined && { nft: program }),
    }),
  exit: (status) => process.exit(status),
})
