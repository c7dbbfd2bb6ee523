/** The JSON Schema of the inventory file, with the providers of this version. */
import { providersOf } from '../../dialects/catalogue.ts'
import { dialects } from '../../dialects/dialects.ts'
import { inventorySchema } from '../../service/inventory/json-schema.ts'

export const inventoryJsonSchema = (): string =>
  JSON.stringify(inventorySchema(providersOf(dialects)), null, 2)
