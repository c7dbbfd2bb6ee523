/**
 * Generated configurations through the whole life that Terraform gives them, several side by side in one state, because
 * most of the time goes into starting Terraform.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Bench } from './client.ts'
import { type Random, randomFrom } from './random.ts'
import {
  type Difference,
  type Imported,
  type Managed,
  openWorkspace,
  type Provider,
  type Resources,
  terraformProgram,
} from './terraform.ts'

export interface Round<Configuration> {
  readonly configuration: Configuration
  /** Begins the names of its resources. */
  readonly prefix: string
  readonly resources: readonly Managed[]
}

export interface Plan<Configuration> {
  readonly provider: Provider
  generate(random: Random, index: number, quick: boolean): Configuration
  mutate(random: Random, configuration: Configuration): Configuration
  resources(configuration: Configuration, prefix: string): Resources
  importId(resource: Managed): string
  /** Whether the provider's import takes all that the configuration holds. */
  isImportable(configuration: Configuration): boolean
  /** Whether a difference after an import is the provider's own; `applied`: and stays after the next apply. */
  tolerates(difference: Difference, applied: boolean): boolean
  /** Throws unless the effective policies are those of the configuration, computed from its data. */
  check(bench: Bench, round: Round<Configuration>): Promise<void>
}

const configurations = { quick: 3, whole: 40 }
const together = 4

export async function rounds<Configuration>(bench: Bench, plan: Plan<Configuration>): Promise<void> {
  const program = await terraformProgram()
  const count = bench.quick ? configurations.quick : configurations.whole
  for (let first = 0; first < count; first += together) {
    const places = Array.from({ length: Math.min(together, count - first) }, (_, index) => first + index)
    await round(bench, plan, program, places)
  }
}

async function round<Configuration>(
  bench: Bench,
  plan: Plan<Configuration>,
  program: string,
  places: readonly number[],
): Promise<void> {
  const name = `configurations ${(places[0] ?? 0) + 1}–${(places.at(-1) ?? 0) + 1}`
  const directory = join(bench.directory, `from-${places[0]}`)
  const open = (which: string) => openWorkspace(program, plan.provider, join(directory, which))
  const made = await open('made')
  const ids = async () =>
    (await bench.service.read('/v1/servers')).servers.map(({ id }: { id: string }) => id)
  const before = await ids()
  const prefixOf = (place: number) => `c${place}`
  const randoms = new Map(places.map((place) => [place, randomFrom(bench.seed * 1000 + place)]))
  const randomOf = (place: number) => randoms.get(place) as Random
  let current = new Map(
    places.map((place) => [place, plan.generate(randomOf(place), place, bench.quick)] as const),
  )

  const text = () =>
    [...current].map(([place, each]) => plan.resources(each, prefixOf(place))).reduce(merge, {})
  const importable = () =>
    [...current].flatMap(([place, each]) =>
      plan.isImportable(each) ? [plan.resources(each, prefixOf(place))] : [],
    )
  const judge = async () => {
    const resources = await made.resources()
    for (const [place, configuration] of current)
      await plan.check(bench, { configuration, prefix: prefixOf(place), resources })
  }
  const put = async () => {
    await made.write(text())
    await made.apply()
  }

  const applied =
    (await bench.step(`${name}: apply`, put)) &&
    (await bench.step(`${name}: nothing to change`, made.assertNoChanges)) &&
    (await bench.step(`${name}: effective policies`, judge))
  if (applied) {
    current = new Map([...current].map(([place, each]) => [place, plan.mutate(randomOf(place), each)]))
    const changed =
      (await bench.step(`${name}: change, apply`, put)) &&
      (await bench.step(`${name}: nothing to change after that`, made.assertNoChanges)) &&
      (await bench.step(`${name}: effective policies after that`, judge))
    if (changed && importable().length > 0) {
      await bench.step(`${name}: import into an empty state`, async () => {
        const imported = await open('imported')
        const resources = importable().reduce(merge, {})
        const imports: Imported[] = (await made.resources()).flatMap((each) => {
          const [type = '', name = ''] = each.address.split('.')
          return resources[type]?.[name] ? [{ to: each.address, id: plan.importId(each) }] : []
        })
        await imported.write(resources, imports)
        for (const applied of [false, true]) {
          const differences = await imported.differences()
          assert.deepEqual(
            differences.filter((each) => !plan.tolerates(each, applied)),
            [],
          )
          if (!applied) await imported.apply()
        }
        await judge()
      })
    }
  }
  await bench.step(`${name}: destroy`, async () => {
    await made.destroy()
    assert.deepEqual(await made.resources(), [])
    assert.deepEqual(await ids(), before)
  })
}

const merge = (left: Resources, right: Resources): Resources =>
  Object.fromEntries(
    [...new Set([...Object.keys(left), ...Object.keys(right)])].map((type) => [
      type,
      { ...left[type], ...right[type] },
    ]),
  )
