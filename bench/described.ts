/** Policies and interfaces of an imagined host, as an agent is sent them. */
import type { Placement } from '../src/core/model/desired-update.ts'
import type { Policy } from '../src/core/model/policy.ts'
import type { Rule } from '../src/core/model/rule.ts'
import { TCP } from '../src/core/net/protocol.ts'
import { addressSet } from '../src/core/sets/address-set.ts'
import { manifest as upcloud } from '../src/dialects/upcloud/manifest.ts'

/** With so many rules in a policy. */
export function describeInterfaces(rulesEach: number) {
  const rules: readonly Rule[] = Array.from({ length: rulesEach + 1 }, (_, n) => ({
    ...{ id: `rule-${n}`, position: n + 1, direction: 'ingress', action: 'allow', enabled: true },
    matches: [
      {
        ...{ family: 'ipv4', protocol: TCP, destinationPorts: [{ first: 1000 + n, last: 1000 + n }] },
        source: addressSet([
          { family: 'ipv4', first: 0xc6336400n + BigInt(n), last: 0xc6336400n + BigInt(n) },
        ]),
      },
    ],
  }))
  let revision = 0

  /** With so many rules more than usual, at most one. */
  const policyOf = (n: number, more: number): Policy => ({
    ...{ ...upcloud.chain, id: `policy-${n}`, revision: ++revision, enabled: true },
    rules: rules.slice(0, rulesEach + more),
  })

  const placementOf = (n: number, policies: readonly string[], more: number): Placement => ({
    ...{ id: `interface-${n}`, device: `tap${n}`, index: 1, type: 'public', policies },
    mac: `02:00:${(n + 0x1000000)
      .toString(16)
      .slice(-6)
      .replace(/(..)(?=.)/g, '$1:')}:00`,
    addresses: [`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, ...(more > 0 ? ['192.0.2.1'] : [])],
    ...{ allowedAddresses: [], senderCheck: true, observe: false, vlanTrunk: false, allowedFrames: [] },
    maxConnections: null,
  })
  return { policyOf, placementOf }
}
