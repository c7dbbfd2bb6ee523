/** Terraform with a provider that was built here, in a directory of its own per state. */
import assert from 'node:assert/strict'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { goProgram } from './builds.ts'
import { type Ran, run } from './run.ts'

/** The one on the PATH if there is one, which on machines with a package of it is the vendor's own build. */
export async function terraformProgram(): Promise<string> {
  if ((await run('terraform', ['version'])).status === 0) return 'terraform'
  if ((await run('tofu', ['version'])).status === 0) return 'tofu'
  return goProgram({ module: 'github.com/opentofu/opentofu', version: 'v1.9.1', package: './cmd/tofu' })
}

export interface Provider {
  /** `scaleway/scaleway`: as `source` names it. */
  readonly source: string
  /** Path of the program. */
  readonly built: string
  readonly environment: Readonly<Record<string, string>>
}

/** A configuration as Terraform's JSON syntax has it, without the provider's own block. */
export type Resources = Readonly<Record<string, Readonly<Record<string, object>>>>

export interface Imported {
  /** Address. */
  readonly to: string
  readonly id: string
}

/** What `terraform show -json` tells of a resource, as far as it is needed. */
export interface Managed {
  readonly address: string
  // biome-ignore lint/suspicious/noExplicitAny: attributes are the provider's
  readonly values: any
}

/** `attribute` is absent when the resource is to be created, deleted or replaced; `actions` says which. */
export interface Difference {
  readonly address: string
  readonly actions: readonly string[]
  readonly attribute?: string
  readonly before?: unknown
  readonly after?: unknown
}

export interface Workspace {
  /** Replaces the configuration. */
  write(resources: Resources, imports?: readonly Imported[]): Promise<void>
  apply(): Promise<void>
  destroy(): Promise<void>
  /** Throws unless the configuration is what exists. */
  assertNoChanges(): Promise<void>
  /** What a plan would change, attribute by attribute. */
  differences(): Promise<readonly Difference[]>
  resources(): Promise<readonly Managed[]>
}

export async function openWorkspace(
  program: string,
  provider: Provider,
  directory: string,
): Promise<Workspace> {
  await mkdir(directory, { recursive: true })
  const type = basename(provider.source)
  const settings = join(directory, 'terraform.rc')
  await writeFile(
    settings,
    `provider_installation {\n  dev_overrides { "${provider.source}" = ${JSON.stringify(dirname(provider.built))} }\n  direct {}\n}\n`,
  )
  const env = {
    ...provider.environment,
    TF_CLI_CONFIG_FILE: settings,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
  }

  async function terraform(...args: readonly string[]): Promise<Ran> {
    const ran = await run(program, args, { cwd: directory, env })
    // 2 is a plan with changes, which is an answer.
    if (ran.status !== 0 && ran.status !== 2) throw new Error(lastWords(ran))
    return ran
  }

  async function plan(): Promise<Ran> {
    return terraform('plan', '-no-color', '-detailed-exitcode', '-out=plan', '-parallelism=30')
  }

  return {
    async write(resources, imports = []) {
      const text = JSON.stringify(
        {
          terraform: { required_providers: { [type]: { source: provider.source } } },
          // A type without resources is a syntax error.
          resource: Object.fromEntries(
            Object.entries(resources).filter(([, each]) => Object.keys(each).length > 0),
          ),
          ...(imports.length > 0 && { import: imports }),
        },
        null,
        1,
      )
      await writeFile(join(directory, 'new'), text)
      await rename(join(directory, 'new'), join(directory, 'main.tf.json'))
    },
    async apply() {
      await terraform('apply', '-no-color', '-auto-approve', '-parallelism=30')
    },
    async destroy() {
      await terraform('destroy', '-no-color', '-auto-approve', '-parallelism=30')
    },
    async assertNoChanges() {
      const { status, stdout } = await plan()
      const changes = stdout.slice(Math.max(0, stdout.indexOf('Terraform will perform')))
      assert.equal(status, 0, `a plan with changes:\n${changes.slice(0, 3000)}`)
    },
    async differences() {
      await plan()
      const { stdout } = await terraform('show', '-json', 'plan')
      const { resource_changes: changes = [] } = JSON.parse(stdout)
      return changes.flatMap(differencesOf)
    },
    async resources() {
      const { stdout } = await terraform('show', '-json')
      return JSON.parse(stdout).values?.root_module?.resources ?? []
    },
  }
}

interface Change {
  readonly address: string
  readonly change: {
    readonly actions: readonly string[]
    readonly before: Readonly<Record<string, unknown>> | null
    readonly after: Readonly<Record<string, unknown>> | null
  }
}

function differencesOf({ address, change: { actions, before, after } }: Change): readonly Difference[] {
  if (actions.includes('no-op') || actions.includes('read')) return []
  if (!before || !after || actions.length > 1) return [{ address, actions }]
  return Object.keys({ ...before, ...after })
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((attribute) => ({
      ...{ address, actions, attribute },
      ...{ before: before[attribute], after: after[attribute] },
    }))
}

/** The error, which Terraform writes last. */
const lastWords = ({ status, stdout, stderr }: Ran) =>
  `status ${status}: ${(stderr || stdout).trim().slice(-1500)}`
