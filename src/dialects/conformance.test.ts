/** Every dialect runs the cases of conformance.ts, on both stores. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertReasons, runCases } from '../../test/support/conformance.ts'
import { dialects, onBothStores } from '../../test/support/service.ts'
import { drivers, driversOf } from './conformance-drivers.ts'

test('a dialect without a driver fails, and the file is named', async () => {
  await assert.rejects(driversOf([{ profile: 'nobody' }]), /dialects\/nobody\/conformance-driver\.ts/)
})

test('a dialect skips a case only for a reason of its gaps.ts, and every such reason skips one', () => {
  Object.values(drivers).forEach(assertReasons)
})

onBothStores('conformance', (start) => {
  runCases(start, dialects, drivers)
})
