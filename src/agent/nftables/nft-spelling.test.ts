/** A newer nft prints otherwise what it holds: what means the same is answered as it was wanted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RenderedTable } from '../../compile/nftables/table.ts'
import { spelledAs } from './nft-spelling.ts'

const table = (rule: string, elements: readonly string[], type = 'type ipv4_addr'): RenderedTable => ({
  chains: new Map([
    ['c', rule],
    ['d', 'accept'],
  ]),
  sets: new Map([['s', { kind: 'set', type, elements: new Map(elements.map((each) => [each, ''])) }]]),
})
const wanted = table('meta mark set 0x1', ['10.0.0.1', '10.0.0.2'])
/** How that nft lists `wanted`. */
const listing = `table inet t {
\tset s {
\t\ttype ipv4_addr
\t\telements = { 10.0.0.1/32, 10.0.0.2/32 }
\t}

\tchain c {
\t\tmeta mark set 0x00000001
\t}

\tchain d {
\t\taccept
\t}
}
`
const setUp = (print: () => Promise<string> = async () => listing) => {
  let asked = 0
  const spell = spelledAs((script) => {
    assert.match(script, /^add table inet t\n/)
    asked++
    return print()
  })
  return { read: (found: RenderedTable) => spell('inet t', wanted, found), asked: () => asked }
}

test('what is printed as we write it is compared without asking', async () => {
  const { read, asked } = setUp()
  const found = await read(table('meta mark set 0x1', ['10.0.0.2', '10.0.0.1']))
  assert.deepEqual(found, wanted)
  assert.equal(found.sets.get('s'), wanted.sets.get('s'))
  assert.equal(asked(), 0)
})

test('what is printed otherwise and means the same is answered as wanted, and asked for once', async () => {
  const { read, asked } = setUp()
  for (let n = 0; n < 2; n++)
    assert.deepEqual(await read(table('meta mark set 0x00000001', ['10.0.0.1/32', '10.0.0.2/32'])), wanted)
  assert.equal(asked(), 1)
})

test('what means something else differs, and is answered as it was printed', async () => {
  const { read } = setUp()
  const found = await read(table('meta mark set 0x00000002', ['10.0.0.1/32']))
  assert.equal(found.chains.get('c'), 'meta mark set 0x00000002')
  assert.deepEqual([...(found.sets.get('s')?.elements.keys() ?? [])], ['10.0.0.1/32'])
  assert.equal(found.chains.get('d'), 'accept')
})

test('where it cannot be asked all that is printed otherwise differs', async () => {
  const { read } = setUp(() => Promise.reject(new Error('unshare: not permitted')))
  const found = await read(table('meta mark set 0x00000001', ['10.0.0.1', '10.0.0.2']))
  assert.equal(found.chains.get('c'), 'meta mark set 0x00000001')
  assert.equal(found.sets.get('s'), wanted.sets.get('s'))
})
