/** What each kind of rule does to real packets. Every probe is also put to /v1/trace, which must say what the kernel did. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ProbeOptions } from '../../src/lab/probe.ts'
import { noLab, openLab, type TestLab, type WireRule } from '../support/lab.ts'

const drop = (fields: WireRule = {}): WireRule => ({ direction: 'in', action: 'drop', ...fields })
const accept = (fields: WireRule = {}): WireRule => ({ direction: 'in', action: 'accept', ...fields })
const out = { direction: 'out' }
const v4 = { family: 'IPv4' }
const v6 = { family: 'IPv6' }
const ports = (protocol: string, first: number, last = first): WireRule => ({
  protocol,
  destination_port_start: String(first),
  destination_port_end: String(last),
})
const from = (start: string, end = start): WireRule => ({
  source_address_start: start,
  source_address_end: end,
})
const to = (start: string, end = start): WireRule => ({
  destination_address_start: start,
  destination_address_end: end,
})

/** From, to, packet, what came of it, options. */
type Row = [string, string, string, 'answered' | 'arrived' | 'timed-out', ProbeOptions?]
const six = { family: 6 } as const

const tables: { name: string; chain: WireRule[]; rows: Row[] }[] = [
  {
    name: 'an empty chain lets everything through',
    chain: [],
    rows: [
      ['outside', 'web1', 'tcp/22', 'answered'],
      ['outside', 'web1', 'udp/53', 'answered'],
      ['outside', 'web1', 'icmp', 'answered'],
      ['outside', 'web1', 'tcp/22', 'answered', six],
      ['outside', 'web1', 'icmp', 'answered', six],
      ['web1', 'outside', 'tcp/443', 'answered'],
    ],
  },
  {
    name: 'drop: a rule without family or protocol takes everything inward',
    chain: [drop()],
    rows: [
      ['outside', 'web1', 'tcp/22', 'timed-out'],
      ['outside', 'web1', 'udp/53', 'timed-out'],
      ['outside', 'web1', 'icmp', 'timed-out'],
      ['outside', 'web1', 'tcp/22', 'timed-out', six],
      ['outside', 'web1', 'udp/53', 'timed-out', six],
      ['outside', 'web1', 'icmp', 'timed-out', six],
      ['web2', 'web1', 'tcp/22', 'timed-out'],
      // Stateless: what goes out arrives, and its answer is dropped like anything that comes in.
      ['web1', 'outside', 'tcp/443', 'arrived'],
      ['web1', 'outside', 'udp/53', 'arrived'],
      ['outside', 'web2', 'tcp/22', 'answered'],
    ],
  },
  {
    name: 'accept: only what is named, both rules of one family',
    chain: [accept({ ...v4, ...ports('tcp', 22) }), drop()],
    rows: [
      ['outside', 'web1', 'tcp/22', 'answered'],
      ['outside', 'web1', 'tcp/23', 'timed-out'],
      ['outside', 'web1', 'udp/22', 'timed-out'],
      ['outside', 'web1', 'tcp/22', 'timed-out', six],
    ],
  },
  {
    name: 'order: the first match decides',
    chain: [drop({ ...v4, ...ports('tcp', 80) }), accept({ ...v4, ...ports('tcp', 1, 65535) }), drop()],
    rows: [
      ['outside', 'web1', 'tcp/80', 'timed-out'],
      ['outside', 'web1', 'tcp/81', 'answered'],
    ],
  },
  {
    name: 'order: what comes after a rule that takes everything does nothing',
    chain: [drop(), accept({ ...v4, ...ports('tcp', 22) })],
    rows: [['outside', 'web1', 'tcp/22', 'timed-out']],
  },
  {
    name: 'port ranges include both ends',
    chain: [
      accept({ ...v4, ...ports('tcp', 8000, 8080) }),
      accept({ ...v6, ...ports('udp', 5000, 5001) }),
      drop(),
    ],
    rows: [
      ['outside', 'web1', 'tcp/7999', 'timed-out'],
      ['outside', 'web1', 'tcp/8000', 'answered'],
      ['outside', 'web1', 'tcp/8080', 'answered'],
      ['outside', 'web1', 'tcp/8081', 'timed-out'],
      ['outside', 'web1', 'udp/4999', 'timed-out', six],
      ['outside', 'web1', 'udp/5000', 'answered', six],
      ['outside', 'web1', 'udp/5001', 'answered', six],
      ['outside', 'web1', 'udp/5002', 'timed-out', six],
    ],
  },
  {
    name: 'source ports',
    chain: [accept({ ...v4, protocol: 'udp', source_port_start: '53', source_port_end: '54' }), drop()],
    rows: [
      ['outside', 'web1', 'udp/4000', 'answered', { sourcePort: 53 }],
      ['outside', 'web1', 'udp/4000', 'answered', { sourcePort: 54 }],
      ['outside', 'web1', 'udp/4000', 'timed-out', { sourcePort: 55 }],
    ],
  },
  {
    name: 'IPv4 address ranges that are no prefix, both ends included',
    chain: [
      accept({ ...v4, ...from('198.51.100.3', '198.51.100.10') }),
      accept(from('192.0.2.12', '192.0.2.200')),
      drop(),
    ],
    rows: [
      ['outside', 'web1', 'tcp/22', 'answered'],
      ['db1', 'web1', 'tcp/22', 'answered'],
      ['web2', 'web1', 'tcp/22', 'timed-out'],
      ['outside', 'web1', 'tcp/22', 'timed-out', six],
    ],
  },
  {
    name: 'IPv6 address ranges, both ends included',
    chain: [
      accept({ ...v6, ...from('2001:db8:ffff::3', '2001:DB8:FFFF:0::10') }),
      drop({ ...v6, ...from('2001:db8::11') }),
    ],
    rows: [
      ['outside', 'web1', 'tcp/22', 'answered', six],
      ['web2', 'web1', 'tcp/22', 'timed-out', six],
      ['db1', 'web1', 'tcp/22', 'answered', six],
      ['web2', 'web1', 'tcp/22', 'answered'],
    ],
  },
  {
    name: 'destination addresses, outward',
    chain: [drop({ ...out, ...v4, ...to('192.0.2.12', '192.0.2.13') })],
    rows: [
      ['web1', 'db1', 'tcp/22', 'timed-out'],
      ['web1', 'web2', 'tcp/22', 'answered'],
      // What db1 asks arrives; the answer is what goes out.
      ['db1', 'web1', 'tcp/22', 'arrived'],
    ],
  },
  {
    name: 'ICMP types, of each family its own',
    chain: [
      accept({ ...v4, protocol: 'icmp', icmp_type: '8' }),
      accept({ ...v6, protocol: 'icmp', icmp_type: '128' }),
      drop({ ...v4, protocol: 'icmp' }),
      drop({ ...v6, protocol: 'icmp' }),
    ],
    rows: [
      ['outside', 'web1', 'icmp', 'answered'],
      ['outside', 'web1', 'icmp/13', 'timed-out'],
      ['outside', 'web1', 'icmp', 'answered', six],
      ['outside', 'web1', 'icmp/144', 'timed-out', six],
      ['outside', 'web1', 'tcp/22', 'answered'],
    ],
  },
  {
    name: 'ICMP type 0 is a type, not any',
    chain: [drop({ ...v4, protocol: 'icmp', icmp_type: '0' })],
    rows: [
      ['outside', 'web1', 'icmp', 'answered'],
      ['web1', 'outside', 'icmp', 'arrived'],
    ],
  },
  {
    name: 'stateless: an accepted request opens no way for its answer',
    chain: [
      accept({ ...v4, ...ports('tcp', 22) }),
      drop({ ...out, ...v4, protocol: 'tcp', source_port_start: '22', source_port_end: '22' }),
    ],
    rows: [
      ['outside', 'web1', 'tcp/22', 'arrived'],
      ['outside', 'web1', 'tcp/23', 'answered'],
    ],
  },
  {
    name: 'out rules never decide what comes in, nor the other way round',
    chain: [drop({ ...out, ...v4, ...ports('udp', 53) })],
    rows: [
      ['outside', 'web1', 'udp/53', 'answered'],
      ['web1', 'outside', 'udp/53', 'timed-out'],
      ['web1', 'outside', 'udp/54', 'answered'],
    ],
  },
]

describe('rules and real packets', { skip: noLab }, () => {
  let lab: TestLab
  before(async () => {
    lab = await openLab()
  })
  after(() => lab?.close())

  for (const { name, chain, rows } of tables) {
    test(name, async () => {
      await lab.chain('web1', chain)
      for (const [sender, receiver, packet, want, options] of rows) {
        const came = await lab.probe(sender, receiver, packet, options)
        const what = `${packet} from ${sender} to ${receiver}${options ? ` ${JSON.stringify(options)}` : ''}`
        assert.equal(came.outcome, want, what)
      }
    })
  }

  test('firewall off: rules are kept and do nothing; on again, they do', async () => {
    await lab.chain('web1', [drop()])
    await lab.firewall('web1', 'off')
    assert.equal((await lab.probe('outside', 'web1', 'tcp/22')).outcome, 'answered')
    await lab.firewall('web1', 'on')
    assert.equal((await lab.probe('outside', 'web1', 'tcp/22')).outcome, 'timed-out')
  })

  test('one rule inserted, then removed', async () => {
    await lab.chain('web1', [accept({ ...v4, ...ports('tcp', 80) }), accept()])
    const path = `/1.3/server/${lab.vm('web1').server}/firewall_rule`
    const { status, body } = await lab.api('POST', path, {
      firewall_rule: { ...drop({ ...v4, ...ports('tcp', 80) }), position: '1' },
    })
    assert.equal(status, 201, JSON.stringify(body))
    await lab.enforced()
    assert.equal((await lab.probe('outside', 'web1', 'tcp/80')).outcome, 'timed-out')
    assert.equal((await lab.api('DELETE', `${path}/1`)).status, 204)
    await lab.enforced()
    assert.equal((await lab.probe('outside', 'web1', 'tcp/80')).outcome, 'answered')
  })

  test('private interfaces are not filtered, the public one of the same VM is', async () => {
    await lab.firewall('web2', 'off')
    await lab.chain('db1', [drop(), drop(out)])
    assert.equal((await lab.probe('web2', '10.0.0.12', 'tcp/5432')).outcome, 'answered')
    assert.equal((await lab.probe('10.0.0.12', 'web2', 'udp/53')).outcome, 'answered')
    assert.equal((await lab.probe('web2', 'db1', 'tcp/5432')).outcome, 'timed-out')
    await lab.chain('db1', [])
  })

  test('both ends of a flow between VMs are judged', async () => {
    await lab.firewall('web2', 'on')
    await lab.chain('web1', [drop({ ...out, ...v4, ...ports('tcp', 22) })])
    await lab.chain('web2', [drop({ ...v4, ...ports('tcp', 23) })])
    for (const [packet, want] of [
      ['tcp/22', 'timed-out'],
      ['tcp/23', 'timed-out'],
      ['tcp/24', 'answered'],
    ] as const) {
      assert.equal((await lab.probe('web1', 'web2', packet)).outcome, want, packet)
    }
    await lab.chain('web2', [])
    await lab.firewall('web2', 'off')
  })
})
