/** The inventory file that `serve` follows: replaced in any way it is applied, wrong it changes nothing, right again it recovers. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { providers } from '../../../test/support/service.ts'
import { engines, type TestStore } from '../../../test/support/stores.ts'
import { createPasswordMemory } from '../../service/inventory/password-memory.ts'
import { createInventoryReader } from '../../service/inventory.ts'
import type { Storage } from '../../storage/storage.ts'
import { type InventoryKeeper, keepInventory } from './inventory.ts'

const file = (name: string) => `accounts: [ { name: ${name}, id: a, credentials: [ { token: t } ] } ]`

describe('the inventory file that is followed', () => {
  let store: TestStore
  let storage: Storage
  let keeper: InventoryKeeper | undefined
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-inventory-'))
  const path = join(directory, 'inventory.yaml')
  const told: string[] = []
  const heard: (() => void)[] = []
  const tell = (text: string) => {
    told.push(text)
    for (const each of heard.splice(0)) each()
  }
  const logger = { info: tell, warn: tell, error: tell }
  before(async () => {
    store = await engines.sqlite.create()
    storage = await store.open()
  })
  after(async () => {
    await keeper?.close()
    await storage.close()
    await store.remove()
    rmSync(directory, { recursive: true })
  })
  const keep = (of = path) =>
    keepInventory(of, storage, createInventoryReader(storage, providers, createPasswordMemory()), logger)
  /** Until something is told that matches; the test's own limit bounds it. */
  async function until(pattern: RegExp): Promise<void> {
    while (!told.some((line) => pattern.test(line))) {
      await new Promise<void>((resolve) => heard.push(resolve))
    }
    told.length = 0
  }
  const name = async () => (await storage.accounts()).map((account) => account.name)

  test('one that is wrong at the start is refused where there is nothing to serve', {
    timeout: 60_000,
  }, async () => {
    writeFileSync(path, 'accounts: [ { nme: x } ]')
    await assert.rejects(keep(), /accounts\[0\]: nme is not known here/)
  })

  test('written to, renamed over, wrong and right again', { timeout: 60_000 }, async () => {
    writeFileSync(path, file('one'))
    keeper = await keep()
    assert.deepEqual([await name(), keeper.state().inForce], [['one'], true])
    keeper.follow()
    writeFileSync(path, file('two'))
    await until(/in force, 1 changes/)
    assert.deepEqual(await name(), ['two'])
    writeFileSync(`${path}.new`, file('three'))
    renameSync(`${path}.new`, path)
    await until(/in force, 1 changes/)
    assert.deepEqual(await name(), ['three'])
    const { appliedAt } = keeper.state()
    writeFileSync(path, 'accounts: [ { nme: secret } ]')
    await until(/inventory.yaml: accounts\[0\]: nme is not known here/)
    assert.deepEqual([await name(), keeper.state()], [['three'], { inForce: false, appliedAt }])
    rmSync(path)
    await until(/no such file|not there|ENOENT|does not exist/i)
    assert.equal(keeper.state().inForce, false)
    writeFileSync(path, file('four'))
    await until(/in force, 1 changes/)
    assert.deepEqual([await name(), keeper.state().inForce], [['four'], true])
    const revision = await storage.revision()
    keeper.again()
    await until(/inventory.yaml: in force$/)
    assert.equal(await storage.revision(), revision)
    await keeper.close()
  })

  test('a link that comes to lead elsewhere, as volumes of ConfigMaps are changed', {
    timeout: 60_000,
  }, async () => {
    const volume = join(directory, 'volume')
    for (const each of ['one', 'two']) {
      mkdirSync(join(volume, each), { recursive: true })
      writeFileSync(join(volume, each, 'inventory.yaml'), file(`link-${each}`))
    }
    symlinkSync('one', join(volume, '..data'))
    symlinkSync('..data/inventory.yaml', join(volume, 'inventory.yaml'))
    keeper = await keep(join(volume, 'inventory.yaml'))
    keeper.follow()
    assert.deepEqual(await name(), ['link-one'])
    told.length = 0
    symlinkSync('two', join(volume, '..data_tmp'))
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
    await until(/in force, 1 changes/)
    assert.deepEqual(await name(), ['link-two'])
    await keeper.close()
  })
})
