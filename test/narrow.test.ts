/**
 * An answer about one thing reads as much of the store beside ten servers as beside a thousand: rows are counted, because time
 * says little on a machine that is busy.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Storage } from '../src/storage/storage.ts'
import { credentials, secretKeys, startService } from './support/service.ts'

const dc = '0dc00000-0000-4000-8000-000000000001'
const project = '00f10000-0000-4000-8000-000000000001'
const id = (kind: string, n: number) => `${kind}-0000-4000-8000-${String(n).padStart(12, '0')}`

const inventory = (servers: number) => `
accounts:
  - name: acme
    projects: [ { id: ${project}, name: default } ]
    credentials: [ { token: acme-token }, { accessKey: SCWACME0000000000000, secretKey: ${secretKeys.right['x-auth-token']}, project: ${project} } ]
    datacenters: [ { id: ${dc}, name: vdc, location: de/txl } ]
    servers:
${Array.from(
  { length: servers },
  (_, n) => `
      - { profile: ionos, id: ${id('0000aaaa', n)}, datacenter: ${dc}, name: s${n},
          interfaces: [ { id: ${id('0000bbbb', n)}, addresses: [10.${n >> 8}.${n & 255}.1], host: h${n % 7}, device: ionos${n} } ] }
      - { profile: scaleway, id: ${id('0000cccc', n)}, zone: fr-par-1, name: s${n},
          interfaces: [ { id: ${id('0000dddd', n)}, addresses: [10.${n >> 8}.${n & 255}.2], host: h${n % 7}, device: scw${n} } ] }`,
).join('')}
`

/** How many rows an answer of the store holds, however it is shaped. */
function rowsIn(answer: unknown): number {
  if (Array.isArray(answer)) return answer.length
  if (answer === null || typeof answer !== 'object') return 1
  return Object.values(answer).reduce((sum, each) => sum + (Array.isArray(each) ? each.length : 0), 1)
}

/** Calls and rows that each request takes, by its name. */
async function costs(servers: number): Promise<Record<string, number>> {
  let count = 0
  const through = (storage: Storage): Storage =>
    new Proxy(storage, {
      get(target, name) {
        const own = target[name as keyof Storage] as unknown
        if (typeof own !== 'function' || name === 'run' || name === 'onCommit') return own
        return (...args: unknown[]) => {
          const answer: unknown = own.apply(target, args)
          if (!(answer instanceof Promise)) return answer
          return answer.then((value) => {
            count += 1 + rowsIn(value)
            return value
          })
        }
      },
    })
  const service = await startService({ inventory: inventory(servers), through })
  const found: Record<string, number> = {}
  try {
    const counted = async (
      name: string,
      method: string,
      path: string,
      body?: unknown,
      headers = credentials.right as Record<string, string>,
    ) => {
      count = 0
      const answer = await service.call(method, path, body, headers)
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
      found[name] = count
      return answer.body
    }
    const base = `/cloudapi/v6/datacenters/${dc}`
    const server = `${base}/servers/${id('0000aaaa', 3)}`
    const nic = `${server}/nics/${id('0000bbbb', 3)}`
    const tcp = { properties: { protocol: 'TCP' } }
    const group = (
      await counted('make a group', 'POST', `${base}/securitygroups`, { properties: { name: 'g' } })
    ).id
    const rule = (await counted('make a rule of a NIC', 'POST', `${nic}/firewallrules`, tcp)).id
    await counted('attach a group to a server', 'PUT', `${server}/securitygroups`, { ids: [group] })
    await counted('attach a group to a NIC', 'PUT', `${nic}/securitygroups`, { ids: [group] })
    const own = `${base}/securitygroups/${group}`
    const second = (await counted('make a rule of a group', 'POST', `${own}/rules`, tcp)).id
    // The first write to a NIC writes its LAN down, which was only known from the NICs in it.
    await service.call('PATCH', nic, { name: 'first' })
    for (const [name, path] of [
      ['datacenter', base],
      ['server', server],
      ['NIC', nic],
      ['group', own],
      ['rule of a NIC', `${nic}/firewallrules/${rule}`],
      ['rule of a group', `${own}/rules/${second}`],
      ['LAN', `${base}/lans/1`],
    ] as const) {
      // A datacenter and a LAN hold every server there is.
      for (const depth of name === 'datacenter' || name === 'LAN' ? [0] : [0, 1, 2, 3])
        await counted(`${name} at depth ${depth}`, 'GET', `${path}?depth=${depth}`)
      await counted(`change a ${name}`, 'PATCH', path, { name: 'changed' })
    }
    const made = (await counted('make a NIC', 'POST', `${server}/nics`, { properties: { lan: 1 } })).id
    await counted('delete a NIC', 'DELETE', `${server}/nics/${made}`)
    const other = (
      await counted('make a server', 'POST', `${base}/servers`, {
        properties: { name: 'n', cores: 1, ram: 1024 },
      })
    ).id
    await counted('delete a server', 'DELETE', `${base}/servers/${other}`)
    const { items } = (await service.call('GET', '/cloudapi/v6/requests')).body
    await counted('status of a request', 'GET', `/cloudapi/v6/requests/${items[0].id}/status`)
    await counted('delete a rule of a NIC', 'DELETE', `${nic}/firewallrules/${rule}`)
    for (const each of [server, nic]) await service.call('PUT', `${each}/securitygroups`, { ids: [] })
    await counted('delete a group', 'DELETE', own)

    const key = secretKeys.right
    const zone = '/instance/v1/zones/fr-par-1'
    const scaleway = (name: string, method: string, path: string, body?: unknown) =>
      counted(`Scaleway: ${name}`, method, zone + path, body, key)
    const one = (await scaleway('make a group', 'POST', '/security_groups', { name: 'g' })).security_group.id
    const groupPath = `/security_groups/${one}`
    const wanted = { protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '::/0' }
    const ruleId = (await scaleway('make a rule', 'POST', `${groupPath}/rules`, wanted)).rule.id
    const vm = `/servers/${id('0000cccc', 3)}`
    await scaleway('move a server', 'PATCH', vm, { security_group: { id: one } })
    for (const [name, path] of [
      ['group', groupPath],
      ['rules', `${groupPath}/rules`],
      ['rule', `${groupPath}/rules/${ruleId}`],
      ['server', vm],
    ] as const) {
      await scaleway(name, 'GET', path)
    }
    await scaleway('change a group', 'PATCH', groupPath, { name: 'changed' })
    await scaleway('change a rule', 'PATCH', `${groupPath}/rules/${ruleId}`, { action: 'drop' })
    await scaleway('delete a rule', 'DELETE', `${groupPath}/rules/${ruleId}`)
    const volumes = { 0: { volume_type: 'l_ssd' } }
    const disk = (
      await scaleway('make a server', 'POST', '/servers', { name: 'n', commercial_type: 'DEV1-S', volumes })
    ).server
    await scaleway('volume', 'GET', `/volumes/${disk.volumes[0].id}`)
    await scaleway('delete a server', 'DELETE', `/servers/${disk.id}`)
    await scaleway('delete a volume', 'DELETE', `/volumes/${disk.volumes[0].id}`)
    return found
  } finally {
    await service.close()
  }
}

test('one thing costs the same beside ten servers and beside a thousand', async () => {
  const [few, many] = [await costs(10), await costs(1000)]
  const grown = Object.keys(few).filter((name) => (many[name] ?? 0) > (few[name] ?? 0) + 5)
  assert.deepEqual(Object.fromEntries(grown.map((name) => [name, [few[name], many[name]]])), {})
})
