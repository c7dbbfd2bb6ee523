/** Who may import whom: the table of docs/architecture.md, asserted on every import statement there is. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { dialects } from '../src/dialects/dialects.ts'

type Folder = 'core' | 'compile' | 'storage' | 'service' | 'dialects' | 'server' | 'agent' | 'lab' | 'cli'

interface Border {
  /** Folders of ours it may import besides itself. */
  readonly folders: readonly Folder[]
  readonly builtins: boolean
  /** npm packages. */
  readonly packages: readonly string[]
  /** Why it may not import the rest. */
  readonly because: string
}

const borders: Record<Folder, Border> = {
  core: {
    folders: [],
    builtins: false,
    packages: [],
    because:
      'core runs in browsers too, and gives the same answer for the same input: no I/O, no clock, no library',
  },
  compile: {
    folders: ['core'],
    builtins: false,
    packages: [],
    because:
      'what is enforced is a pure function of the model; it is compiled on hypervisors, which have no store',
  },
  storage: {
    folders: ['core'],
    builtins: true,
    packages: ['pg'],
    because: 'the store keeps the model and decides nothing: rules of who may do what belong to the services',
  },
  service: {
    folders: ['core', 'storage', 'compile'],
    builtins: true,
    packages: ['js-yaml', 'typebox'],
    because: 'services know no provider and no HTTP: every dialect, and the inventory, use the same ones',
  },
  dialects: {
    folders: ['core', 'service'],
    builtins: true,
    packages: ['typebox'],
    because:
      'a dialect translates: reaching the store or HTTP itself, it would go round authorisation, limits and audit',
  },
  server: {
    folders: ['core', 'compile', 'storage', 'service', 'dialects'],
    builtins: true,
    packages: ['fastify', 'prom-client', 'typebox', 'ws'],
    because: 'the server listens; what filters packets must go on when it does not',
  },
  agent: {
    folders: ['core', 'compile'],
    builtins: true,
    packages: ['koffi', 'saxes', 'typebox', 'ws'],
    because:
      'the agent runs on hypervisors: it has no store and no services; koffi calls the kernel, ws the service, saxes reads what libvirt says, typebox says what its file of rules holds',
  },
  lab: {
    folders: ['core'],
    builtins: true,
    packages: [],
    because: 'the lab is a client and a witness: it must not share the code whose effect it observes',
  },
  cli: {
    folders: ['core', 'lab'],
    builtins: true,
    packages: ['commander'],
    because: 'a command is a client like any other and speaks HTTP; only serve puts parts together',
  },
}

/** Files, and folders of them, that may import everything, and why. */
const exceptions: Readonly<Record<string, string>> = {
  'src/cli/serve/': 'the one place where everything is wired',
  'src/cli/store/': 'keeps, replaces and checks a store by itself, where no service need run',
  'src/cli/lab.ts': 'hands the lab the rows of every dialect’s manifest; the lab itself imports none of them',
  'src/cli/agent.ts': 'enforces on its host, which no service does',
  'src/cli/doctor.ts': 'examines its host, whether a service runs or not',
  'src/cli/config-file.ts': 'options are read from YAML as the service’s own files are',
  'src/cli/guard.ts': 'closes a host whose service does not run: there is nothing to speak HTTP to',
}

const isException = (file: string): boolean => Object.keys(exceptions).some((path) => file.startsWith(path))

/** Where texts of configuration files are read: it knows what is in none of them, and nothing of the services. */
const reading = 'src/service/config/'

test('what reads configuration files knows nothing of the services', async () => {
  for await (const file of glob(`${reading}*.ts`)) {
    if (file.endsWith('.test.ts')) continue
    for (const { specifier } of importsOf(readFileSync(file, 'utf8'))) {
      if (!specifier.startsWith('.')) continue
      const target = normalize(join(dirname(file), specifier))
      assert.ok(
        target.startsWith(reading) || target.startsWith('src/core/'),
        `${file} imports ${specifier}: agents read their files with it`,
      )
    }
  }
})

/** Files that more than one folder may import: the seams. */
const seams: Readonly<Record<string, readonly Folder[]>> = {
  // The records that services hand to dialects: types only, and none of the store's doings.
  'src/storage/storage.ts': ['dialects'],
}

test('every import is allowed by the table', async () => {
  const wrong: string[] = []
  let imports = 0
  for await (const file of glob('src/**/*.ts')) {
    if (file.endsWith('.test.ts') || isException(file)) continue
    const folder = file.split('/')[1] as Folder
    const border = borders[folder]
    assert.ok(border, `${file} is in a folder that the table does not name`)
    for (const { specifier, typeOnly } of importsOf(readFileSync(file, 'utf8'))) {
      imports++
      const complaint = judge(file, folder, specifier, typeOnly)
      if (complaint !== undefined) wrong.push(`${file} imports ${specifier}: ${complaint}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.ok(imports > 50, `only ${imports} imports were found: is the parser blind?`)
})

test('no dialect knows another, and no target another', async () => {
  const wrong: string[] = []
  for (const parent of ['src/dialects', 'src/compile']) {
    for await (const file of glob(`${parent}/*/**/*.ts`)) {
      for (const { specifier } of importsOf(readFileSync(file, 'utf8'))) {
        if (!specifier.startsWith('.')) continue
        const target = normalize(join(dirname(file), specifier))
        const own = file.split('/').slice(0, 3).join('/')
        const sibling =
          target.startsWith(`${parent}/`) && target.split('/').length > 3 && !target.startsWith(`${own}/`)
        if (sibling)
          wrong.push(
            `${file} imports ${target}: the next one is written by reading this one, not by using it`,
          )
      }
    }
  }
  assert.deepEqual(wrong, [])
})

/** A target's folders in `compile` and `agent` bear its name. */
const targets = [...globSync('src/compile/*/')].map((folder) => basename(folder))
const targetOf = (file: string): string | undefined => /^src\/(?:compile|agent)\/([^/]+)\//.exec(file)?.[1]

test('a target is known to its own folders and to the wiring alone', async () => {
  const wrong: string[] = []
  const crossed = new Set<string>()
  for await (const file of glob('src/**/*.ts')) {
    if (file.endsWith('.test.ts') || isException(file)) continue
    for (const { specifier } of importsOf(readFileSync(file, 'utf8'))) {
      if (!specifier.startsWith('.')) continue
      const target = targetOf(normalize(join(dirname(file), specifier)))
      if (target === undefined || !targets.includes(target)) continue
      if (targetOf(file) === target) crossed.add(target)
      else wrong.push(`${file} imports ${specifier}: what one target needs and others do not stays in it`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual([...crossed].sort(), targets.sort())
})

/**
 * Files on the longest path of imports within a dialect's folder, that of types included. Who reads a dialect goes down
 * this path: routes → find, change → render → encode, decode → wire. The exceptions may only become fewer and lower.
 */
const maxFloors = 6
const higher: Readonly<Record<string, number>> = { hostup: 7, scaleway: 11, upcloud: 7 }

test('no dialect has more floors of imports than it may, nor a circle', async () => {
  const folders = new Map<string, Map<string, readonly string[]>>()
  for await (const file of glob('src/dialects/*/*.ts')) {
    if (file.endsWith('.test.ts')) continue
    const own = importsOf(readFileSync(file, 'utf8')).filter(
      ({ specifier }) => specifier.startsWith('./') && specifier.endsWith('.ts'),
    )
    const files = folders.get(dirname(file)) ?? new Map()
    folders.set(dirname(file), files)
    files.set(
      file,
      own.map(({ specifier }) => join(dirname(file), specifier)),
    )
  }
  const names = [...folders.keys()].map((folder) => basename(folder))
  assert.ok(names.length >= dialects.length, `only ${names.join(', ')} were read`)
  for (const [folder, imports] of folders) {
    const longest = longestPath(imports)
    const max = higher[basename(folder)] ?? maxFloors
    assert.ok(longest.length <= max, `${longest.length} floors, at most ${max}: ${longest.join(' → ')}`)
  }
})

test('the longest path of imports is found, and a circle refused', () => {
  const chain = new Map([
    ['a', ['d', 'b']],
    ['b', ['c']],
    ['c', ['d']],
    ['d', []],
  ])
  assert.deepEqual(longestPath(chain), ['a', 'b', 'c', 'd'])
  assert.throws(() => longestPath(new Map([...chain, ['d', ['b']]])), /circle: d → b → c → d/)
})

/** The longest path through a graph of imports; throws on a circle. */
function longestPath(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const known = new Map<string, readonly string[]>()
  function below(file: string, above: readonly string[]): readonly string[] {
    const repeated = above.indexOf(file)
    if (repeated >= 0) throw new Error(`a circle: ${[...above.slice(repeated), file].join(' → ')}`)
    const found = known.get(file) ?? [file, ...longest(imports.get(file) ?? [], [...above, file])]
    known.set(file, found)
    return found
  }
  const longest = (files: readonly string[], above: readonly string[]): readonly string[] =>
    files
      .map((file) => below(file, above))
      .reduce((best, path) => (path.length > best.length ? path : best), [])
  return longest([...imports.keys()], [])
}

test('the judge refuses what it should', () => {
  const refused: [string, Folder, string][] = [
    ['src/core/a.ts', 'core', 'node:fs'],
    ['src/core/a.ts', 'core', 'pg'],
    ['src/core/a.ts', 'core', '../storage/storage.ts'],
    ['src/agent/a.ts', 'agent', '../service/services.ts'],
    ['src/dialects/upcloud/a.ts', 'dialects', '../../storage/sqlite.ts'],
    ['src/dialects/upcloud/a.ts', 'dialects', 'fastify'],
    ['src/cli/trace.ts', 'cli', '../service/services.ts'],
    ['src/lab/a.ts', 'lab', '../agent/agent.ts'],
  ]
  for (const [file, folder, specifier] of refused) {
    assert.ok(judge(file, folder, specifier, false), `${file} may not import ${specifier}`)
  }
  assert.equal(judge('src/dialects/upcloud/a.ts', 'dialects', '../../storage/storage.ts', true), undefined)
  assert.deepEqual(
    importsOf(
      `import type { A } from './a.ts'\nexport * from "./b.ts"\nimport {\n  c,\n} from './c.ts'\nimport './d.ts'\nconst e = await import('./e.ts')`,
    ),
    [
      { specifier: './a.ts', typeOnly: true },
      { specifier: './b.ts', typeOnly: false },
      { specifier: './c.ts', typeOnly: false },
      { specifier: './d.ts', typeOnly: false },
      { specifier: './e.ts', typeOnly: false },
    ],
  )
})

/** Why this import is forbidden; undefined when it is not. */
function judge(file: string, folder: Folder, specifier: string, typeOnly: boolean): string | undefined {
  const border = borders[folder]
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file), specifier))
    const other = target.split('/')[1] as Folder
    if (target === 'package.json' || other === folder || border.folders.includes(other)) return undefined
    if (folder === 'agent' && target.startsWith(reading)) return undefined
    if (typeOnly && seams[target]?.includes(folder)) return undefined
    return border.because
  }
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith('node:')) return 'built-ins are named with node:'
    return border.builtins ? undefined : border.because
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return border.packages.includes(name) ? undefined : border.because
}

interface Import {
  readonly specifier: string
  /** Erased before it runs. */
  readonly typeOnly: boolean
}

/** Static and dynamic imports, and re-exports, in order. */
function importsOf(source: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm
  return [...source.matchAll(pattern)].map(([, type, fixed, dynamic]) => ({
    specifier: fixed ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }))
}
