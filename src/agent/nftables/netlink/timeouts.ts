/** How long connections are remembered, as objects of a table that rules name. */
import type { MessageBuilder } from '../../netlink/message.ts'
import { connectionTimeout } from './uapi.ts'

/** States of each protocol, in the kernel's order; null stands for one that nft has no word for, with its seconds. */
const states = {
  tcp: {
    number: 6,
    states: [
      ...(['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack'] as const),
      ...(['time_wait', 'close', null, 'retrans', 'unack'] as const),
    ],
  },
  udp: { number: 17, states: ['unreplied', 'replied'] },
} as const satisfies Record<string, { number: number; states: readonly (string | null)[] }>
/** Of connections that both ends begin at once (nf_conntrack_proto_tcp.c). */
const simultaneousSeconds = 120

/** `body` says `protocol` and `policy` in two lines, with seconds for every state. Throws SyntaxError. */
export function writeTimeout(builder: MessageBuilder, type: number, body: string): void {
  const [, protocol, list = ''] =
    /^protocol (tcp|udp)\npolicy = \{ ([a-z_]+ : \d{1,9}(?:, [a-z_]+ : \d{1,9})*) \}$/.exec(body) ?? []
  if (protocol === undefined) throw new SyntaxError(`${JSON.stringify(body)} is no timeout of ours`)
  const { number, states: all } = states[protocol as keyof typeof states]
  const seconds = new Map(list.split(', ').map((each) => each.split(' : ') as [string, string]))
  const outer = builder.open(type)
  builder.u8(connectionTimeout.protocol, number)
  const values = builder.open(connectionTimeout.values)
  let said = 0
  for (const [n, state] of all.entries()) {
    const own = state === null ? simultaneousSeconds : seconds.get(state)
    if (own === undefined) throw new SyntaxError(`${state} is missing: ${body}`)
    if (state !== null) said++
    builder.u32be(1 + n, Number(own))
  }
  if (said !== seconds.size) throw new SyntaxError(`a state is unknown: ${body}`)
  builder.close(values).close(outer)
}
