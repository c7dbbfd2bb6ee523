/** `portcullis serve` on loopback with accounts for every client, and the native API beside it to judge by. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ended, launch, listening, main } from '../support/program.ts'

export const account = {
  username: 'acme',
  password: 'acme-password',
  token: 'acme-token',
  readOnlyToken: 'acme-read',
  accessKey: 'SCWACME0000000000000',
  secretKey: '00e10000-0000-4000-8000-000000000001',
  readOnlySecretKey: '00e10000-0000-4000-8000-000000000002',
  project: '00f10000-0000-4000-8000-000000000001',
  datacenter: '0dc00000-0000-4000-8000-000000000001',
} as const

/** Of another account: nothing of it may be seen. */
export const foreign = {
  project: '00f10000-0000-4000-8000-000000000003',
  datacenter: '0dc00000-0000-4000-8000-000000000002',
  instance: '00ffff00-32db-4b09-9f5f-30d9e9afb565',
  server: '00cafe00-32db-4b09-9f5f-30d9e9afb565',
} as const

export const servers = {
  upcloud: '00798b85-efdc-41ca-8021-f6ef457b8531',
  scaleway: '00eeee00-32db-4b09-9f5f-30d9e9afb565',
  ionos: '00cccc00-32db-4b09-9f5f-30d9e9afb565',
  nic: '0a1c0000-0000-4000-8000-000000000001',
} as const

const inventory = `
accounts:
  - name: acme
    contractNumber: 31415926
    projects: [ { id: ${account.project}, name: default } ]
    datacenters: [ { id: ${account.datacenter}, name: vdc, location: de/txl } ]
    credentials:
      - { username: ${account.username}, password: ${account.password} }
      - { token: ${account.token} }
      - { token: ${account.readOnlyToken}, scopes: [read] }
      - { accessKey: ${account.accessKey}, secretKey: ${account.secretKey}, project: ${account.project} }
      - { accessKey: SCWACME0000000000001, secretKey: ${account.readOnlySecretKey}, scopes: [read] }
    servers:
      - { profile: upcloud, id: ${servers.upcloud}, name: web, zone: fi-hel1, firewall: true,
          interfaces: [ { addresses: [192.0.2.10, "2001:db8::10"] }, { addresses: [10.0.0.10], type: private } ] }
      - { profile: scaleway, id: ${servers.scaleway}, name: instance, zone: fr-par-1,
          interfaces: [ { addresses: [192.0.2.40, "2001:db8::40"] } ] }
      - { profile: ionos, id: ${servers.ionos}, name: cube, datacenter: ${account.datacenter},
          interfaces: [ { id: ${servers.nic}, addresses: [192.0.2.30, "2001:db8::30"], firewallActive: true } ] }
  - name: other
    projects: [ { id: ${foreign.project}, name: theirs } ]
    datacenters: [ { id: ${foreign.datacenter}, name: theirs, location: de/fra } ]
    credentials: [ { token: other-token } ]
    servers:
      - { profile: upcloud, id: ${foreign.server}, name: theirs, zone: fi-hel1, interfaces: [ { addresses: [192.0.2.99] } ] }
      - { profile: scaleway, id: ${foreign.instance}, name: theirs, zone: fr-par-1, interfaces: [ { addresses: [192.0.2.96] } ] }
`

export interface Service {
  readonly url: string
  /** GET of the native API. */
  // biome-ignore lint/suspicious/noExplicitAny: a judge picks from whatever came
  read(path: string): Promise<any>
  /** Requests so far that were answered with 5xx, each in one line: a client can cause none. */
  faults(): readonly string[]
  /** Requests so far. */
  requests(): number
  /** Throws when it does not end by itself. */
  stop(): Promise<void>
}

export async function startService(): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-clients-'))
  const file = join(directory, 'inventory.yaml')
  await writeFile(file, inventory)
  const started = await listening(
    launch(
      [process.execPath, main, 'serve', '--enforce', 'none', '--data', directory, '--inventory', file],
      // Clients that poll for changes of state are to see some.
      { cwd: directory },
    ),
  )
  const requests = () =>
    started
      .stderr()
      .split('\n')
      .filter((line) => line.includes('"msg":"request"'))
  return {
    url: started.url,
    async read(path) {
      const response = await fetch(started.url + path, {
        headers: { authorization: `Bearer ${account.token}` },
      })
      assert.equal(response.status, 200, path)
      return response.json()
    },
    faults: () => requests().filter((line) => /"status":5\d\d/.test(line)),
    requests: () => requests().length,
    async stop() {
      started.child.kill('SIGTERM')
      const [status, said] = await ended(started)
      await rm(directory, { recursive: true, force: true })
      assert.equal(status, 0, said.slice(-2000))
    },
  }
}
