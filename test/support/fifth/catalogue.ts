/** What the made-up provider offers. */
import { Type } from 'typebox'
import { createCatalogue } from '../../../src/dialects/catalogue.ts'
import { closed, line, list } from '../../../src/service/config/fields.ts'

export const catalogue = createCatalogue({
  schema: Type.Object({ sizes: list(line('Its name.'), 'Sizes of VMs.') }, closed),
  data: { sizes: ['small', 'large'] },
  read: ({ sizes }) => sizes,
  offers: (sizes) => ({ plans: sizes }),
})
