/** Every dialect runs the cases of conformance.ts, on both stores. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clientOf, conformanceInventory } from '../../test/support/conformance.ts'
import { dialects, onBothStores, type TestService } from '../../test/support/service.ts'
import { cases, gapsOf, skippedBy } from './conformance.ts'
import { drivers } from './conformance-drivers.ts'

test('a dialect skips a case only for a reason of its gaps.ts, and every such reason skips one', () => {
  for (const driver of Object.values(drivers)) {
    assert.deepEqual(new Set(gapsOf(driver)), new Set(Object.values(driver.missing)), driver.title)
    for (const { gap } of Object.values(driver.told ?? {})) assert.ok(driver.gaps.includes(gap), gap.what)
  }
})

onBothStores('conformance', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ inventory: conformanceInventory })
  })
  after(() => service.close())

  const revision = () => service.storage.revision()

  for (const dialect of dialects) {
    const { profile } = dialect
    for (const list of drivers[profile].lists) {
      describe(`${profile}, ${list.name}`, () => {
        for (const each of cases) {
          // What the dialect's API does not have is on the page; a skipped test is one that another machine runs.
          if (skippedBy(list, each)) continue
          test(each.name, () => {
            return each.run({ list, call: clientOf(service, 'own', dialect), revision })
          })
        }
      })
    }
  }
})
