/** Writes the pages that are made from code: `npm run docs`. A test refuses pages that are not fresh. */
import { writeFileSync } from 'node:fs'
import { inventoryReference } from './src/service/inventory/reference.ts'

writeFileSync(new URL('docs/inventory.md', import.meta.url), inventoryReference())
