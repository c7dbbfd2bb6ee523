/** The process that enforces with nftables: a service starts it, with the channel as file 3 and its options in the environment. */
import { Socket } from 'node:net'
import { runAgentProcess } from '../process.ts'
import { nftablesOn } from './enforcing.ts'
import { optionsIn } from './process-options.ts'

// A terminal and an init system signal all processes of a service. This one ends when the service says so, or is no more.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

await runAgentProcess({
  ...nftablesOn(optionsIn(process.env)),
  stream: new Socket({ fd: 3 }),
  exit: (status) => process.exit(status),
})
