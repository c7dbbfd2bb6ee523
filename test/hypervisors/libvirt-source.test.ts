/** Whose devices are, as a real libvirtd has it: domains that start, end and start again, and a libvirtd that is killed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLibvirtSource, type LibvirtSource } from '../../src/agent/sources/libvirt/source.ts'
import { createVirsh } from '../../src/agent/sources/libvirt/virsh.ts'
import { eventually } from '../support/eventually.ts'
import { createLibvirt, type Libvirt, noLibvirt } from '../support/libvirt.ts'

const uri = 'qemu:///system'
const [web, db1, db2] = ['52:54:00:00:01:01', '52:54:00:00:02:01', '52:54:00:00:02:02'] as const
const metadata = `<portcullis:server xmlns:portcullis="urn:portcullis:1" account="acme" profile="upcloud">
  <portcullis:interface mac="${db2}" address="192.0.2.22"/>
</portcullis:server>`

describe('the source libvirt', { skip: noLibvirt }, () => {
  let libvirt: Libvirt
  let source: LibvirtSource

  before(async () => {
    libvirt = await createLibvirt('source')
    await libvirt.startDaemon()
    await libvirt.define({ name: 'web', macs: [web] })
    await libvirt.define({ name: "d'b: '1", macs: [db1, db2], metadata })
    await libvirt.virsh('start', 'web')
    source = createLibvirtSource({ virsh: createVirsh({ uri, program: libvirt.virshPath }), uri })
  })
  after(async () => {
    await source?.stop()
    await libvirt?.remove()
  })

  const seen = () =>
    JSON.stringify([...(source.observe() ?? [])].map(([device, { mac }]) => [device, mac]).sort())
  const untilSeen = (wanted: readonly (readonly [device: string, mac: string])[]) =>
    eventually(`${JSON.stringify(wanted)}, not ${seen()}: ${source.problems()}`, () =>
      seen() === JSON.stringify(wanted) ? true : undefined,
    )

  test('devices follow their domains, from one name to the next, and from one domain to another', async () => {
    await untilSeen([['vnet0', web]])
    await libvirt.virsh('start', "d'b: '1")
    await untilSeen([
      ['vnet0', web],
      ['vnet1', db1],
      ['vnet2', db2],
    ])
    assert.deepEqual(source.observe()?.get('vnet2'), {
      ...{ device: 'vnet2', mac: db2, index: 2, addresses: ['192.0.2.22'] },
      guest: { id: (await libvirt.virsh('domuuid', "d'b: '1")).trim(), name: "d'b: '1" },
      labels: { tags: [], adoption: { account: 'acme', profile: 'upcloud', policies: [] } },
    })
    await libvirt.virsh('destroy', 'web')
    await untilSeen([
      ['vnet1', db1],
      ['vnet2', db2],
    ])
    await libvirt.virsh('start', 'web')
    await untilSeen([
      ['vnet1', db1],
      ['vnet2', db2],
      ['vnet3', web],
    ])
    await libvirt.virsh('attach-interface', 'web', 'bridge', 'br0', '--mac', '52:54:00:00:01:02', '--live')
    await eventually('the device that was plugged', () => source.observe()?.get('vnet4'))
    await libvirt.virsh('metadata', 'web', 'urn:portcullis:1', '--key', 'p', '--set', '<server account="a"/>')
    await eventually('metadata with a fault', () =>
      source
        .problems()
        .find((each) => each.includes('the domain web is not adopted: <metadata>: <server> has no profile')),
    )
  })

  test('libvirtd is killed: what was known is kept, and what happened meanwhile is seen afterwards', async () => {
    const before = seen()
    await libvirt.killDaemon()
    await eventually('a problem', () => source.problems().find((each) => each.includes('is kept')))
    assert.equal(seen(), before)
    // A guest ends while nobody listens.
    await libvirt.mustRun(['sh', '-c', 'kill -9 $(cat /run/libvirt/qemu/web.pid)'])
    assert.equal(seen(), before)
    await libvirt.startDaemon()
    await eventually('web is gone', () => (source.observe()?.has('vnet3') ? undefined : true))
    await eventually('no problem', () => (source.problems().length === 0 ? true : undefined))
    // Names are free again, and another domain has the first.
    await libvirt.virsh('destroy', "d'b: '1")
    await untilSeen([])
    await libvirt.killDaemon()
    await libvirt.startDaemon()
    await libvirt.virsh('start', "d'b: '1")
    await untilSeen([
      ['vnet0', db1],
      ['vnet1', db2],
    ])
  })

  test('a user in no group may ask what the source asks', async () => {
    const asked = [
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      'virsh',
      '--readonly',
      '-q',
    ]
    assert.match(
      await libvirt.mustRun([...asked, '-c', uri, 'list --uuid --name; dumpxml web']),
      /<name>web<\/name>/,
    )
    const { stdout, stderr } = await libvirt.run([...asked, '-c', uri, 'event --all --timeout 1'])
    assert.match(`${stdout}${stderr}`, /^event loop timed out\nevents received: 0$/m)
    assert.notEqual((await libvirt.run([...asked, '-c', uri, 'destroy web'])).status, 0)
  })
})
