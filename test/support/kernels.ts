/** Kernels for tests, each in a process that works in a network namespace and can be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { release } from 'node:os'
import { openTransport } from '../../src/agent/netlink/transport.ts'
import { type Change, type Kernel, RefusedError } from '../../src/agent/nftables/kernel.ts'
import { openNetlinkKernel } from '../../src/agent/nftables/netlink-kernel.ts'
import { createNftKernel } from '../../src/agent/nftables/nft-kernel.ts'
import type { Fault } from './faults.ts'
import type { Call, Said } from './kernel-child.ts'

/** `owned`: by netlink, which owns its tables where the kernel can. */
export const kernelKinds = ['nft', 'netlink', 'owned'] as const
export type KernelKind = (typeof kernelKinds)[number]

const [major = 0, minor = 0] = release().split('.').map(Number)
/** Whether tables can outlive their owner, since Linux 6.9; before, anybody may change any table. */
export const canOwn = major > 6 || (major === 6 && minor >= 9)

export const openKernelOf = async (kind: KernelKind, transport = openTransport): Promise<Kernel> =>
  kind === 'nft' ? createNftKernel({}) : openNetlinkKernel({ own: kind === 'owned', transport })

export interface KernelProcess extends Kernel {
  /** Its sockets fail so from now on, as often as the fault says. */
  fail(fault: Fault): Promise<void>
  /** How many faults its sockets have had. */
  failed(): Promise<number>
  /** Ends the process as it is, and waits for that. */
  kill(): Promise<void>
}

export function kernelIn(netns: string, kind: KernelKind): KernelProcess {
  const program = new URL('kernel-child.ts', import.meta.url).pathname
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, program, kind], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const listeners = new Set<(what: Change) => void>()
  const gone = once(child, 'exit').then(() => {
    for (const each of waiting.values()) each.reject(new Error('the process has ended'))
  })
  child.on('message', (said: Said) => {
    if ('change' in said) {
      for (const listener of listeners) listener(said.change)
      return
    }
    const asked = waiting.get(said.id)
    waiting.delete(said.id)
    if ('value' in said) asked?.resolve(said.value)
    else asked?.reject(said.refused ? new RefusedError(said.error) : new Error(said.error))
  })
  let calls = 0
  const ask =
    (method: Call['method']) =>
    // biome-ignore lint/suspicious/noExplicitAny: what the child answers is of the type that the method has.
    (...args: readonly unknown[]): Promise<any> =>
      new Promise((resolve, reject) => {
        if (!child.connected) throw new Error('the process has ended')
        const call: Call = { id: ++calls, method, args }
        if (!child.connected) throw new Error('the process has ended')
        waiting.set(call.id, { resolve, reject })
        child.send(call)
      })
  return {
    commit: ask('commit'),
    check: ask('check'),
    read: ask('read'),
    counters: ask('counters'),
    counts: kind === 'nft' ? 'lists' : 'rules',
    hits: ask('hits'),
    forget: ask('forget'),
    baseChains: ask('baseChains'),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    problem: () => null,
    fail: ask('fail'),
    failed: ask('failed'),
    async close() {
      if (child.connected) {
        await ask('close')()
        child.disconnect()
      }
      await gone
    },
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}
