/**
 * The lab: VMs that are namespaces, and the service enforcing on them, brought up and taken down as one thing.
 *
 * Everything it makes is under one name prefix and one directory, so that what a crash leaves is found and removed.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { err, ok, type Result } from '../core/result.ts'
import { createNetwork, destroyNetwork, namespaces, routerNamespace } from './network.ts'
import { run } from './run.ts'
import { findServices, isRunning, type RunningService, startService, stopService } from './service.ts'
import { inventoryFile, type LabCredentials, type LabVm, type Topology } from './topology.ts'

export const defaultDirectory = '/run/portcullis-lab'

export interface Lab {
  readonly directory: string
  readonly prefix: string
  readonly vms: readonly LabVm[]
  readonly credentials: LabCredentials
  /** Whether its VMs are ports of bridges. */
  readonly bridged: boolean
  readonly service: RunningService
}

export interface LabStatus {
  readonly url: string
  readonly bridged: boolean
  readonly credentials: LabCredentials
  readonly vms: readonly {
    readonly name: string
    readonly profile: string
    /** Id of the server in the API. */
    readonly server: string
    /** All of them, IPv4 and IPv6, in order of interface. */
    readonly addresses: readonly string[]
    readonly interfaces: readonly {
      readonly type: string
      readonly device: string
      readonly mac: string
      readonly addresses: readonly string[]
    }[]
  }[]
  readonly running: boolean
  readonly pid: number
  /** The namespace that filters: `ip netns exec` shows its rules. */
  readonly router: string
  readonly namespaces: readonly string[]
  readonly log: string
}

export interface LabOptions {
  /** Where its state is; labs in different directories do not meet. */
  readonly directory: string
  /** What `node` runs to be Portcullis. */
  readonly program: string
  /** `127.0.0.1:0` picks a free port. */
  readonly listen: string
  readonly topology: Topology
  /** VMs as ports of bridges; default: behind a router. */
  readonly bridged?: boolean
  /** More arguments for `serve`. */
  readonly serve?: readonly string[]
}

/** Short, so that a namespace's name stays readable; of the directory, so that two labs never share one. */
export function prefixOf(directory: string): string {
  const path = resolve(directory)
  if (path === defaultDirectory) return 'pcl-lab-'
  return `pcl-${createHash('sha256').update(path).digest('hex').slice(0, 6)}-`
}

/** Why there can be no lab here, in one line each with what helps; undefined when there can. */
export async function obstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'the lab needs Linux: it is made of network namespaces'
  if (process.getuid?.() !== 0) return 'the lab needs root: it makes network namespaces; run it with sudo'
  const needs = [
    ['ip', '-Version', 'iproute2'],
    ['nft', '--version', 'nftables'],
    ['ping', '-V', 'iputils-ping'],
  ] as const
  for (const [program, flag, debian] of needs) {
    if ((await run(program, [flag])).status === 127)
      return `the lab needs ${program} (Debian package ${debian})`
  }
  return undefined
}

/** Removes what is left of an earlier one, makes it anew, and answers when rules are enforced. */
export async function up(options: LabOptions): Promise<Result<Lab>> {
  const { topology, bridged = false } = options
  const { vms, credentials } = topology
  const directory = resolve(options.directory)
  const prefix = prefixOf(directory)
  await down(directory)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFile(join(directory, marker), '')
    const inventory = join(directory, 'inventory.yaml')
    await writeFile(inventory, inventoryFile(topology))
    await createNetwork({ prefix, vms, bridged })
    const service = await startService({
      ...options,
      directory,
      prefix,
      inventory,
      serve: options.serve ?? [],
    })
    if (!service.ok) {
      await down(directory)
      return service
    }
    const lab = { directory, prefix, vms, credentials, bridged, service: service.value }
    await save(lab)
    return ok(lab)
  } catch (error) {
    await down(directory)
    return err(`the lab did not come up: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The lab that is up, or undefined; its service may have died since. */
export async function find(directory: string): Promise<Lab | undefined> {
  try {
    const state = JSON.parse(await readFile(join(directory, stateFile), 'utf8')) as Omit<Lab, 'directory'>
    return { ...state, directory }
  } catch {
    return undefined
  }
}

/** Removes every trace of it, also of one that crashed; answers what was there to remove. */
export async function down(directory: string): Promise<{ readonly removed: readonly string[] }> {
  const prefix = prefixOf(directory)
  const removed: string[] = []
  for (const service of await findServices(resolve(directory))) {
    if (await stopService(service)) removed.push(`service (process ${service.pid})`)
  }
  removed.push(...(await namespaces(prefix)))
  await destroyNetwork(prefix)
  // Only a directory that we made is ours to delete.
  if ((await readFile(join(directory, marker)).catch(() => undefined)) !== undefined) {
    await rm(directory, { recursive: true, force: true })
    removed.push(directory)
  }
  return { removed }
}

export async function status(lab: Lab): Promise<LabStatus> {
  return {
    url: lab.service.url,
    bridged: lab.bridged,
    credentials: lab.credentials,
    vms: lab.vms.map(({ name, profile, server, nics }) => ({
      name,
      profile,
      server,
      addresses: nics.flatMap((nic) => nic.addresses),
      interfaces: nics.map(({ type, device, mac, addresses }) => ({ type, device, mac, addresses })),
    })),
    running: await isRunning(lab.service),
    pid: lab.service.pid,
    router: routerNamespace(lab.prefix),
    namespaces: await namespaces(lab.prefix),
    log: join(lab.directory, 'log'),
  }
}

/** Kept up to date by whoever restarts the service. */
export async function save({ directory, ...state }: Lab): Promise<void> {
  const path = join(directory, stateFile)
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${path}.new`, path)
}

const stateFile = 'state.json'
const marker = 'portcullis-lab'
