/** Writes the pages that are made from code: `npm run docs`. A test refuses pages that are not fresh. */
import { writeFileSync } from 'node:fs'
import { inventoryJsonSchema } from './src/cli/serve/inventory-schema.ts'
import { addressesReference } from './src/dialects/addresses-reference.ts'
import { providersOf } from './src/dialects/catalogue.ts'
import { catalogueReference } from './src/dialects/catalogue-reference.ts'
import { dialects } from './src/dialects/dialects.ts'
import { errorsReference } from './src/dialects/errors-reference.ts'
import { metricsReference } from './src/server/metrics-reference.ts'
import { inventoryReference } from './src/service/inventory/reference.ts'
import { freshPage } from './test/clients/page.ts'
import { metricsOf } from './test/support/metrics.ts'

const pages = {
  'inventory.md': inventoryReference(providersOf(dialects)),
  'inventory.schema.json': `${inventoryJsonSchema()}\n`,
  'catalogue.md': catalogueReference(dialects),
  'addresses.md': addressesReference(dialects),
  'errors.md': errorsReference(dialects),
  'metrics.md': metricsReference(metricsOf().described()),
  'compatibility.md': freshPage(),
}

for (const [name, text] of Object.entries(pages)) {
  writeFileSync(new URL(`docs/${name}`, import.meta.url), text)
}
