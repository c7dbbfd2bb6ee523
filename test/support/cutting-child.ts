/** Serves a dataplane that cuts flows, and the flows of its namespace, to the process that has forked it. */

import type { FlowsCut } from '../../src/agent/dataplane.ts'
import { type Flow, type FlowTuple, openConntrack } from '../../src/agent/netlink/conntrack.ts'
import { flags, MessageBuilder } from '../../src/agent/netlink/message.ts'
import { fixedPart, typeOf } from '../../src/agent/netlink/nfnetlink.ts'
import { NetlinkSocket } from '../../src/agent/netlink/socket.ts'
import { protocols } from '../../src/agent/netlink/transport.ts'
import { openNetlinkKernel } from '../../src/agent/nftables/netlink-kernel.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { Desired } from '../../src/core/model/desired.ts'
import type { Family } from '../../src/core/net/address.ts'
import { hasPorts, ICMP, ICMPV6 } from '../../src/core/net/protocol.ts'
import { deltaOf } from './desired.ts'

/** A flow that is to be tracked; one of both families. */
export interface Tracked extends Pick<Flow, 'family' | 'original' | 'reply'> {}

const kernel = await openNetlinkKernel()
const conntrack = await openConntrack()
const dataplane = createNftables({ guard: [], kernel, conntrack })
const socket = await NetlinkSocket.open(protocols.netfilter)
const everybody = { has: () => true }
let before: Desired | undefined

export const served = {
  /** Answers what was reported, and what became of flows where that is awaited. */
  async apply(desired: Desired, awaits: boolean) {
    const { promise, resolve } = Promise.withResolvers<FlowsCut>()
    const stop = dataplane.onFlowsCut(resolve)
    try {
      const { interfaces } = await dataplane.apply(desired, before ? deltaOf(before, desired) : null)
      before = desired
      return { interfaces, cut: awaits ? await promise : null }
    } finally {
      stop()
    }
  },
  flows: () => conntrack.flows(everybody),
  remove: (flows: readonly Flow[]) => conntrack.delete(flows),
  async track(flows: readonly Tracked[]) {
    for (let at = 0; at < flows.length; at += 200) {
      const builder = new MessageBuilder()
      for (const { family, original, reply } of flows.slice(at, at + 200)) {
        builder.begin(
          typeOf(1, 0),
          flags.request | flags.create | flags.exclusive,
          fixedPart(family === 'ipv4' ? 2 : 10),
        )
        tuple(builder, 1, family, original)
        tuple(builder, 2, family, reply)
        builder.u32be(7, 600)
        if (original.protocol === 6) {
          const info = builder.open(4)
          const tcp = builder.open(1)
          builder.u8(1, 3).close(tcp).close(info)
        }
      }
      socket.transact(builder.finish())
    }
  },
}
export type Served = typeof served

function tuple(builder: MessageBuilder, type: number, family: Family, of: FlowTuple): void {
  const outer = builder.open(type)
  const ip = builder.open(1)
  const v6 = family === 'ipv6'
  builder
    .bytes(v6 ? 3 : 1, bytesOf(of.source, v6 ? 16 : 4))
    .bytes(v6 ? 4 : 2, bytesOf(of.destination, v6 ? 16 : 4))
  builder.close(ip)
  const inner = builder.open(2)
  builder.u8(1, of.protocol)
  if (hasPorts(of.protocol)) builder.u16be(2, of.sourcePort ?? 0).u16be(3, of.destinationPort ?? 0)
  if (of.protocol === ICMP || of.protocol === ICMPV6) {
    const [id, kind, code] = of.protocol === ICMP ? [4, 5, 6] : [7, 8, 9]
    builder
      .u16be(id, of.sourcePort ?? 0)
      .u8(kind, of.icmpType ?? 0)
      .u8(code, of.icmpCode ?? 0)
  }
  builder.close(inner).close(outer)
}

const bytesOf = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex')

process.on('message', async ({ id, method, args }: { id: number; method: keyof Served; args: unknown[] }) => {
  try {
    const value = await (served[method] as (...given: unknown[]) => unknown)(...args)
    if (process.connected) process.send?.({ id, value })
  } catch (error) {
    process.send?.({ id, error: String((error as Error).stack) })
  }
})
process.on('disconnect', async () => {
  socket.close()
  await dataplane.close()
  process.exit()
})
