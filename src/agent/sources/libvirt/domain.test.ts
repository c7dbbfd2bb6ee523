/** Domains' XML as libvirt writes it, and as nobody should. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxDomainLength } from '../../../core/model/local.ts'
import { parseDomain } from './domain.ts'

const id = '11111111-2222-4333-8444-555555555555'

const domain = ({
  interfaces = '',
  metadata = '',
  head = '',
  name = 'web',
} = {}) => `${head}<domain type='qemu' id='3'>
  <name>${name}</name>
  <uuid>${id}</uuid>
  <title>uuid &lt;name&gt;other&lt;/name&gt;</title>
  <metadata>${metadata}</metadata>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file'><target dev='vda' bus='virtio'/></disk>
    ${interfaces}
    <input type='mouse' bus='ps2'/>
  </devices>
</domain>
`
const nic = (mac: string, target: string, type = 'bridge') => `<interface type='${type}'>
  <mac address='${mac}'/><source bridge='br0'/>${target}<model type='virtio'/><alias name='net0'/>
</interface>`
const server = (attributes: string, content = '') =>
  `<portcullis:server xmlns:portcullis="urn:portcullis:1" ${attributes}>${content}</portcullis:server>`

function parsed(options: Parameters<typeof domain>[0]) {
  const result = parseDomain(domain(options))
  assert.ok(result.ok, JSON.stringify(result))
  return result.value
}

test('name, UUID and interfaces are read; devices are those that the host has', () => {
  const { interfaces, ...rest } = parsed({
    name: 'a &amp; &quot;b&quot;',
    interfaces: [
      nic('52:54:00:AA:00:01', "<target dev='vnet0'/>"),
      '<interface type="hostdev"><source/></interface>',
      nic('52:54:00:aa:00:02', ''),
      nic('52:54:00:aa:00:03', "<target dev='/var/run/vhost user'/>", 'vhostuser'),
      nic('52:54:00:aa:00:04', "<target dev='tap9' managed='no'/>", 'ethernet'),
    ].join(''),
  })
  assert.deepEqual(rest, { id, name: 'a & "b"' })
  assert.deepEqual(
    interfaces.map(({ mac, device, index }) => [index, mac, device]),
    [
      [1, '52:54:00:aa:00:01', 'vnet0'],
      [3, '52:54:00:aa:00:02', null],
      [4, '52:54:00:aa:00:03', null],
      [5, '52:54:00:aa:00:04', 'tap9'],
    ],
  )
})

test('metadata say what is to be made of a domain, by namespace and under whatever prefix', () => {
  const interfaces =
    nic('52:54:00:aa:00:01', "<target dev='vnet0'/>") + nic('52:54:00:aa:00:02', "<target dev='vnet1'/>")
  for (const metadata of [
    server(
      'account="acme" profile="upcloud" policies=" p1  p2 "',
      '<portcullis:interface mac="52:54:00:AA:00:02" address="192.0.2.10 2001:DB8:0::10"/>',
    ),
    `<server xmlns="urn:portcullis:1" account="acme" profile="upcloud" policies="p1 p2">
       <!-- a comment --><interface mac="52:54:00:aa:00:02" address="192.0.2.10 2001:db8::10"/>
     </server><x:server xmlns:x="urn:other" account="mallory"/>`,
  ]) {
    const { adoption, interfaces: found } = parsed({ interfaces, metadata })
    assert.deepEqual(adoption, {
      ok: true,
      value: { account: 'acme', profile: 'upcloud', policies: ['p1', 'p2'] },
    })
    assert.deepEqual(
      found.map(({ addresses }) => addresses),
      [[], ['192.0.2.10', '2001:db8::10']],
    )
  }
  assert.equal(parsed({ interfaces, metadata: '<x:server xmlns:x="urn:other"/>' }).adoption, undefined)
})

test('metadata with a fault adopt nothing, addresses included, and say why; the domain is known all the same', () => {
  const good = 'account="acme" profile="upcloud"'
  const named = '<portcullis:interface mac="52:54:00:aa:00:01" address="192.0.2.10"/>'
  const faults: [metadata: string, why: RegExp][] = [
    [server('profile="upcloud"', named), /<server> has no account/],
    [server('account="acme" profile=" "', named), /<server> has no profile/],
    [server(`${good} police="p1"`, named), /<server> has an attribute that is not known: police/],
    [server(`account="${'a'.repeat(129)}" profile="upcloud"`), /account is longer than 128/],
    [server(`${good} policies="${'a'.repeat(129)}"`), /id of more than 128/],
    [server(good, named + named), /is there twice/],
    [server(good, `${named}<portcullis:disk/>`), /<disk> is not known/],
    [server(good, named) + server(good), /<server> is there twice/],
    [
      server(good, named.replace('aa:00:01', 'aa:00:09')),
      /no interface of the domain has the MAC 52:54:00:aa:00:09/,
    ],
    [server(good, named.replace('52:54', 'x')), /<interface> mac: expected a MAC/],
    [server(good, named.replace('192.0.2.10', '192.0.2.10 192.0.2.0/24')), /<interface> address: expected/],
    [server(good, named.replace('address', 'addresses')), /not known: addresses/],
    ['<p:servers xmlns:p="urn:portcullis:1"/>', /<servers> is not known; expected <server>/],
  ]
  for (const [metadata, why] of faults) {
    const found = parsed({ interfaces: nic('52:54:00:aa:00:01', "<target dev='vnet0'/>"), metadata })
    assert.ok(found.adoption && !found.adoption.ok, metadata)
    assert.match(found.adoption.error, why)
    assert.deepEqual(found.interfaces, [
      { mac: '52:54:00:aa:00:01', device: 'vnet0', index: 1, addresses: [] },
    ])
  }
})

test('what is no whole document of a domain is refused', () => {
  const whole = domain({ interfaces: nic('52:54:00:aa:00:01', "<target dev='vnet0'/>") })
  const laughs = `<!DOCTYPE domain [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>`
  const refused: [xml: string, why: RegExp][] = [
    ['', /document must contain a root element/],
    ['error: failed to get domain', /no XML of a domain/],
    [whole.slice(0, -12), /unclosed tag/],
    [`${whole}${whole}`, /no XML of a domain/],
    [domain({ head: laughs, name: '&b;' }), /a document type is not allowed/],
    [domain({ name: '&b;' }), /undefined entity/],
    [domain({ metadata: '<p:server account="a"/>' }), /unbound namespace prefix/],
    [domain({ metadata: '<a b="1" b="2"/>' }), /duplicate attribute/],
    [domain({ metadata: `${'<a>'.repeat(100)}${'</a>'.repeat(100)}` }), /nested more than 64 deep/],
    [domain({ name: '\u0000' }), /disallowed character/],
    [domain({ name: 'x'.repeat(maxDomainLength) }), /longer than/],
    [domain({ interfaces: '<interface/>'.repeat(1001) }), /more than 1000 interfaces/],
    [whole.replace(id, 'none'), /no UUID/],
    [whole.replace('<name>web</name>', ''), /no name/],
    [whole.replaceAll('domain', 'network'), /no UUID/],
  ]
  for (const [xml, why] of refused) {
    const result = parseDomain(xml)
    assert.ok(!result.ok, xml.slice(0, 100))
    assert.match(result.error, why)
  }
})
