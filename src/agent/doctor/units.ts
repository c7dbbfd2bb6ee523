/** Whether systemd closes devices at the next boot before anything starts VMs, and starts the agent. */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, run } from '../run.ts'
import { type Finding, type Findings, findingsOn, wordsOf } from './finding.ts'

const about = findingsOn('units')

const guard = 'portcullis-guard.service'
const agent = 'portcullis-agent.service'
/** What starts VMs, and what flushes all tables: each has a drop-in of the package's. */
const starting = ['libvirtd.service', 'virtqemud.service', 'libvirt-guests.service', 'pve-guests.service']
const flushing = 'nftables.service'

/** One of systemd's: properties by name, lists as it prints them. */
type Unit = Readonly<Record<string, string>>

const properties = [
  ...['Id', 'LoadState', 'UnitFileState', 'ActiveState', 'NeedDaemonReload'],
  ...['After', 'Before', 'DropInPaths'],
]

export interface UnitsOptions {
  /** Where the host's file system begins. */
  readonly root?: string
  readonly ask?: (command: Command) => Promise<string>
}

export async function examineUnits({ root = '/', ask = run }: UnitsOptions = {}): Promise<Findings> {
  if (!(await isThere(root, 'run/systemd/system')))
    return [about.warning('no systemd runs here: whether anything closes devices at boot was not looked at')]
  try {
    const names = [guard, agent, flushing, ...starting]
    const shown = await ask(['systemctl', 'show', `--property=${properties.join(',')}`, ...names])
    const units = new Map(
      shown
        .split('\n\n')
        .map((text) => parse(text))
        .map((unit) => [unit.Id ?? '', unit]),
    )
    return await judge(units, filesOf(root))
  } catch (error) {
    return [about.unknown(`systemd does not say: ${wordsOf(error)}`)]
  }
}

const parse = (text: string): Unit =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value]]
    }),
  )

async function judge(units: ReadonlyMap<string, Unit>, host: HostFiles): Promise<Findings> {
  const own = units.get(guard)
  if (!own || own.LoadState === 'not-found')
    return [
      about.warning(
        `there is no ${guard}: whatever closes devices at boot is none of the package’s`,
        'apt install the package; without it see docs/coexistence.md',
      ),
    ]
  const has = (unit: Unit | undefined, list: 'After' | 'Before', name: string) =>
    unit?.[list]?.split(' ').includes(name) ?? false
  const loaded = [flushing, ...starting].filter((name) => units.get(name)?.LoadState === 'loaded')
  const findings: Finding[] = [...enabled(guard, own), ...enabled(agent, units.get(agent))]
  if (own.LoadState === 'loaded' && own.ActiveState !== 'active')
    findings.push(about.failure(`${guard} is ${own.ActiveState}`, `systemctl restart ${guard}`))
  if (own.LoadState === 'loaded' && !has(own, 'Before', 'network-pre.target'))
    findings.push(
      about.failure(`${guard} does not come before the network: it was edited`, `systemctl revert ${guard}`),
    )
  for (const name of loaded) {
    const unit = units.get(name)
    if ((await host.closesFirst(unit)) && (name === flushing || has(unit, 'After', guard))) continue
    const path = await host.overriding(name)
    findings.push(
      about.failure(
        name === flushing
          ? `${name} flushes all tables without loading the guard again`
          : `${name} starts VMs also where their devices are not closed`,
        path === null ? 'apt install --reinstall portcullis' : `rm ${path} && systemctl daemon-reload`,
      ),
    )
  }
  const stale = [...units].filter(([, unit]) => unit.NeedDaemonReload === 'yes').map(([name]) => name)
  if (stale.length > 0)
    findings.push(about.warning(`${stale.join(', ')} changed on the disk`, 'systemctl daemon-reload'))
  const before = ['the network', ...loaded.filter((name) => name !== flushing)].join(', ')
  return findings.length > 0
    ? findings
    : [about.ok(`${guard} and ${agent} are enabled; the guard comes before ${before}`)]
}

function enabled(name: string, unit: Unit | undefined): Findings {
  if (unit?.LoadState === 'masked')
    return [about.failure(`${name} is masked`, `systemctl unmask ${name} && systemctl enable ${name}`)]
  if (unit?.LoadState !== 'loaded')
    return [
      about.failure(
        `${name} cannot be loaded (${unit?.LoadState ?? 'it is not there'})`,
        'apt install --reinstall portcullis',
      ),
    ]
  return unit.UnitFileState === 'enabled'
    ? []
    : [about.failure(`${name} does not start with the host`, `systemctl enable ${name}`)]
}

interface HostFiles {
  /** Whether a drop-in of the unit loads the guard: one may be there and empty, as a link to /dev/null is. */
  closesFirst(unit: Unit | undefined): Promise<boolean>
  /** A file of the host's own that takes the place of the package's drop-in; null: there is none. */
  overriding(unit: string): Promise<string | null>
}

const filesOf = (root: string): HostFiles => ({
  async closesFirst(unit) {
    const paths = unit?.DropInPaths?.split(' ') ?? []
    const texts = await Promise.all(paths.map((path) => readFile(join(root, path), 'utf8').catch(() => '')))
    return texts.some((text) => /^Exec.*\/(guard-up|nft-with-guard)\b/m.test(text))
  },
  async overriding(unit) {
    const path = `etc/systemd/system/${unit}.d/portcullis.conf`
    return (await isThere(root, path)) ? `/${path}` : null
  },
})

const isThere = (root: string, path: string): Promise<boolean> =>
  access(join(root, path)).then(
    () => true,
    () => false,
  )
