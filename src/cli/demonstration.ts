/** What `serve` starts with when it is given no inventory: one account, a VM per profile, and how to call it. */
import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIpv4Mapped, parseAddress } from '../core/net/address.ts'

const server = '00798b85-efdc-41ca-8021-f6ef457b8531'
const project = '22222222-2222-2222-2222-222222222222'
const secretKey = '11111111-1111-1111-1111-111111111111'
const datacenter = '33333333-3333-4333-8333-333333333333'
const cube = '00c0be00-efdc-41ca-8021-f6ef457b8531'
const nic = '00a1c000-efdc-41ca-8021-f6ef457b8531'

export const demonstration = `
accounts:
  - name: demo
    credentials:
      - { username: demo, password: demo-password }
      - { token: demo-token, scopes: [read, write] }
      - { accessKey: SCWDEMO0000000000000, secretKey: ${secretKey}, project: ${project} }
    projects: [ { id: ${project}, name: default } ]
    datacenters: [ { id: ${datacenter}, name: demo, location: de/txl } ]
    servers:
      - profile: upcloud
        id: ${server}
        name: web1
        zone: fi-hel1
        firewall: true
        interfaces:
          - { mac: "52:54:00:00:00:01", addresses: [192.0.2.10, "2001:db8::10"] }
      - { profile: hostup, vmid: 10000, name: vps1, interfaces: [ { addresses: [192.0.2.20, "2001:db8::20"] } ] }
      - { profile: scaleway, zone: fr-par-1, name: instance1, interfaces: [ { addresses: [192.0.2.40, "2001:db8::40"] } ] }
      - profile: ionos
        id: ${cube}
        datacenter: ${datacenter}
        name: cube1
        interfaces: [ { id: ${nic}, lan: 1, addresses: [192.0.2.30, "2001:db8::30"], firewallActive: true } ]
`

/** Ready to paste, one per dialect. */
export function howToCall(url: string): string {
  const rule = JSON.stringify({
    firewall_rule: {
      direction: 'in',
      action: 'drop',
      family: 'IPv4',
      protocol: 'tcp',
      destination_port_start: '22',
      destination_port_end: '22',
    },
  })
  const https = JSON.stringify({
    type: 'in',
    action: 'ACCEPT',
    proto: 'tcp',
    dport: '443',
    source: '2001:db8::1/32',
    comment: 'HTTPS Secure Web',
    enable: 1,
  })
  const group = JSON.stringify({ name: 'web', stateful: true, inbound_default_policy: 'drop' })
  const ssh = JSON.stringify({
    properties: { name: 'SSH', protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 },
  })
  const question = JSON.stringify({
    server,
    direction: 'ingress',
    packet: {
      protocol: 'tcp',
      source: '198.51.100.10',
      sourcePort: 40000,
      destination: '192.0.2.10',
      destinationPort: 22,
    },
  })
  const json = `-H 'Content-Type: application/json'`
  return `
UpCloud: let no SSH reach the demonstration's server
  curl -u demo:demo-password ${json} ${url}/1.3/server/${server}/firewall_rule -d '${rule}'

HostUp: let HTTPS reach VM 10000
  curl -H 'X-API-Key: demo-token' ${json} ${url}/api/vm/10000/firewall -d '${https}'

Scaleway: a security group that lets nothing in
  curl -H 'X-Auth-Token: ${secretKey}' ${json} ${url}/instance/v1/zones/fr-par-1/security_groups -d '${group}'

IONOS Cloud: let SSH over IPv4 reach the NIC of cube1
  curl -u demo:demo-password ${json} ${url}/cloudapi/v6/datacenters/${datacenter}/servers/${cube}/nics/${nic}/firewallrules -d '${ssh}'

Native: what happens to such a packet, and which rule decides
  curl -H 'Authorization: Bearer demo-token' ${json} ${url}/v1/trace -d '${question}'
`
}

/**
 * Why the demonstration cannot be served there, in one line; undefined when it can. Its credentials are public, so it
 * is for programs on the same machine only.
 */
export async function notToBeShown(host: string): Promise<string | undefined> {
  const addresses = await lookup(host, { all: true }).catch(() => [{ address: host }])
  if (addresses.length > 0 && addresses.every(({ address }) => isLoopback(address))) return undefined
  return `without --inventory there is only the demonstration, whose credentials are public: ${host} is not loopback, so name an inventory`
}

function isLoopback(text: string): boolean {
  const address = parseAddress(text)
  if (!address.ok) return false
  const { family, value } = address.value
  const ipv4 = family === 'ipv4' ? value : isIpv4Mapped(address.value) ? value & 0xffffffffn : undefined
  return ipv4 === undefined ? value === 1n : ipv4 >> 24n === 127n
}

/** What there is of a store here. */
export interface Inventoried {
  accounts(): Promise<readonly { readonly name: string }[]>
  credential(kind: 'secret-key', lookup: string): Promise<unknown>
}

/** Whether a store holds nothing, or nothing but the demonstration: it may then be applied without ending anything else. */
export async function mayDemonstrate(store: Inventoried): Promise<boolean> {
  const accounts = await store.accounts()
  if (accounts.length === 0) return true
  const key = await store.credential('secret-key', createHash('sha256').update(secretKey).digest('hex'))
  return key !== undefined && accounts.every(({ name }) => name === 'demo')
}
