/**
 * An agent that is a child of its service: it lives as long as the service does, and what it enforces stays.
 */
import type { Duplex } from 'node:stream'
import { createEnforcer, type EnforcerOptions } from './enforcer.ts'

export interface AgentProcessOptions extends EnforcerOptions {
  /** To the service. */
  readonly stream: Duplex
  /** Ends the process. */
  readonly exit: (status: 0 | 1) => void
}

export async function runAgentProcess({ stream, exit, ...options }: AgentProcessOptions): Promise<void> {
  const enforcer = createEnforcer(options)
  /** What it ends with when it is on its way out. */
  let leaving: 0 | 1 | undefined
  const service = enforcer.converse({ stream, stop: () => void leave(0) })
  // Nobody is left who would hear how it ends, and another agent may begin at any moment.
  void service.over.then((error) => {
    if (error && leaving === undefined) process.stderr.write(`what the service said: ${error.message}\n`)
    exit(leaving ?? (error ? 1 : 0))
  })
  async function leave(status: 0 | 1): Promise<void> {
    leaving = status
    await enforcer.stop()
    await service.close()
    exit(status)
  }

  let started: Awaited<ReturnType<typeof enforcer.start>>
  try {
    started = await enforcer.start()
  } catch (error) {
    // A service that answers to one that has ended hears no more of what it said.
    await service.welcomed
    service.failed(error instanceof Error ? error.message : String(error))
    return leave(1)
  }
  await started.begun
}
