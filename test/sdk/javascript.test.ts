/** The vendors' JavaScript SDKs, which npm installs with the project, as `npm run test:clients` drives them. */
import { test } from 'node:test'
import { javascriptIonos } from '../clients/javascript-ionos.ts'
import { javascriptScaleway } from '../clients/javascript-scaleway.ts'
import { startService } from '../clients/service.ts'

for (const client of [javascriptScaleway, javascriptIonos]) {
  test(client.name, async (t) => {
    const service = await startService()
    try {
      const step = async (name: string, run: () => Promise<void>) => {
        await t.test(name, run)
        return true
      }
      await client.run({
        ...{ built: '', service, directory: '', quick: true, seed: 1, step, ended: () => {} },
        gap: (name, _why, run) => step(name, run),
      })
    } finally {
      await service.stop()
    }
  })
}
