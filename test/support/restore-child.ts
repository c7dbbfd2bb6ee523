/** Replaces a store by a backup, and stops in the middle of it for good: `restore-child.ts PLACE FILE BYTES`. */
import { readFileSync } from 'node:fs'
import { restore } from '../../src/storage/whole/restore.ts'
import { wholeStores } from '../../src/storage/whole/whole-store.ts'

const [place = '', file = '', length = ''] = process.argv.slice(2)
const bytes = readFileSync(file).subarray(0, Number(length))

async function* endless(): AsyncGenerator<Buffer> {
  yield bytes
  process.send?.('stopped')
  await new Promise(() => {})
}

const stores = await wholeStores(JSON.parse(place))
await stores.replace((store) => restore(store, endless(), { replace: true, at: Date.now() }))
