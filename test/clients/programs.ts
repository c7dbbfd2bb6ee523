/** SDKs of other languages: programs of ours that use them and report each step as a line of JSON. */
import { join } from 'node:path'
import { noGo, ownGoProgram, pythonEnvironment } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { run } from './run.ts'
import { account, foreign, type Service, servers } from './service.ts'

const here = (path: string) => new URL(path, import.meta.url).pathname

/** Addresses and credentials as each SDK's own environment variables, and what the programs look for. */
export const environment = ({ url }: Pick<Service, 'url'>) => ({
  SCW_API_URL: url,
  SCW_ACCESS_KEY: account.accessKey,
  SCW_SECRET_KEY: account.secretKey,
  SCW_DEFAULT_PROJECT_ID: account.project,
  SCW_DEFAULT_ORGANIZATION_ID: account.project,
  SCW_DEFAULT_ZONE: 'fr-par-1',
  SCW_DEFAULT_REGION: 'fr-par',
  IONOS_API_URL: `${url}/cloudapi/v6`,
  IONOS_USERNAME: account.username,
  IONOS_PASSWORD: account.password,
  UPCLOUD_USERNAME: account.username,
  UPCLOUD_PASSWORD: account.password,
  URL: url,
  SERVER: servers.upcloud,
  FOREIGN: foreign.server,
  FOREIGN_DATACENTER: foreign.datacenter,
})

/** Steps as they come; a program that ends with another status, or says nothing, has failed. */
export async function drive(bench: Bench, program: string, args: readonly string[]): Promise<void> {
  let seen = 0
  const { status, stderr } = await run(program, args, {
    env: environment(bench.service),
    onLine: (line) => {
      const { step, ms, error } = JSON.parse(line) as { step: string; ms: number; error?: string }
      seen++
      bench.ended({ name: step, milliseconds: ms, ...(error !== undefined && { error }) })
    },
  })
  if (status !== 0 || seen === 0)
    bench.ended({ name: 'run', milliseconds: 0, error: `status ${status}\n${stderr.slice(-2000)}` })
}

const python = (
  name: string,
  version: string,
  script: string,
  drives: string,
  limits: readonly string[] = [],
): Client => ({
  ...{ name, version, drives, limits },
  build: () => pythonEnvironment(here('python/requirements.txt')),
  run: (bench) => drive(bench, join(bench.built, 'bin', 'python'), [here(`python/${script}`)]),
})

export const goIonos: Client = {
  name: 'ionos-cloud/sdk-go',
  version: 'v6.3.11',
  drives:
    'datacenter, LAN, server, NIC, rules, groups and attachments: create, list, get, PUT, PATCH, delete, waits for requests, errors as the SDK types them',
  obstacle: noGo,
  build: () => ownGoProgram(here('go'), 'ionoscloud'),
  run: (bench) => drive(bench, bench.built, []),
}

export const pythonUpcloud = python(
  'upcloud-api (Python)',
  '2.9.0',
  'upcloud.py',
  'rules of a server, the firewall’s switch, servers with their disks and addresses from creation to end, tags, errors as the SDK types them',
)

export const pythonScaleway = python(
  'scaleway (Python)',
  '2.12.0',
  'scaleway_sdk.py',
  'groups, rules and servers: create, list by pages, get, update, replace, delete, waits, errors as the SDK types them',
  [
    'a rule of `set_security_group_rules` says `editable: false` and port 0 unless it is told otherwise; the first is ignored, the second refused',
  ],
)

export const pythonIonos = python(
  'ionoscloud (Python)',
  '6.1.13',
  'ionos.py',
  'datacenter, LAN, server, NIC, rules, groups and attachments: create, list, get, PUT, PATCH, delete, waits for requests, errors as the SDK types them',
)
