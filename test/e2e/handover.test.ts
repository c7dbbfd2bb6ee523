/** Devices that change hands in the inventory, with real packets: who has the device decides, and nobody's is closed. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { noLab, openLab, type TestLab } from '../support/lab.ts'

interface Entry {
  readonly name: string
  readonly id: string
  readonly interfaces: readonly Record<string, unknown>[]
}

describe('devices that change hands', { skip: noLab }, () => {
  let lab: TestLab
  let original: { accounts: { servers: Entry[] }[] }
  before(async () => {
    lab = await openLab()
    original = JSON.parse(readFileSync(join(lab.lab().directory, 'inventory.yaml'), 'utf8'))
  })
  after(() => lab?.close())

  /** Restarts with these servers in place of all. */
  async function restart(servers: readonly Entry[]): Promise<void> {
    const [account] = original.accounts
    const text = JSON.stringify({ accounts: [{ ...account, servers }] })
    writeFileSync(join(lab.lab().directory, 'inventory.yaml'), text)
    await lab.restart()
    await lab.enforced()
  }
  const servers = () => original.accounts[0]?.servers ?? []
  const named = (name: string): Entry => {
    const found = servers().find((server) => server.name === name)
    assert.ok(found)
    return found
  }
  /** The server with the card that another one has in the original file. */
  const withCardOf = (server: Entry, other: string): Entry => {
    const [first] = named(other).interfaces
    return { ...server, interfaces: [{ ...first, id: server.interfaces[0]?.id }] }
  }
  const reached = async (to: string) => (await lab.send('outside', to, 'tcp/22')).through

  test('swapped, handed over, taken away and given back: packets follow the file', async () => {
    const rule = { direction: 'in', action: 'drop', family: 'IPv4', protocol: 'tcp' }
    await lab.chain('web1', [{ ...rule, destination_port_start: '22', destination_port_end: '22' }])
    const [web1, db1] = [named('web1'), named('db1')]
    const others = servers().filter(({ name }) => name !== 'web1' && name !== 'db1')
    const cards = async () => [await reached('web1'), await reached('db1')]
    assert.deepEqual(await cards(), [false, true])

    await restart([withCardOf(web1, 'db1'), withCardOf(db1, 'web1'), ...others])
    assert.deepEqual(await cards(), [true, false], 'the rules are of the server that has the device')

    // The server is gone, and a new one has its device.
    const fresh = { ...withCardOf(web1, 'db1'), id: '00fefefe-0000-4000-8000-000000000001', name: 'fresh' }
    const card = fresh.interfaces.map((nic) => ({ ...nic, id: '1ab00000-0000-4000-8000-00000000feed' }))
    await restart([{ ...fresh, interfaces: card }, withCardOf(db1, 'web1'), ...others])
    assert.deepEqual(await cards(), [true, true], 'nothing is left of the rules of the one before')

    await restart([withCardOf(db1, 'web1'), ...others])
    assert.deepEqual(await cards(), [true, false], 'a device that nobody has any more is closed')
    assert.equal((await lab.send('db1', 'outside', 'udp/53')).arrived, false)

    await restart(servers())
    assert.deepEqual(await cards(), [false, true], 'what left is back with its rules')
  })
})
