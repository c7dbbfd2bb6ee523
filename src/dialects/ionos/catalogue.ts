/** What the contract may hold (catalogue.json). */
import { Type } from 'typebox'
import { closed, whole } from '../../service/config/fields.ts'
import { createCatalogue, readerOf } from '../catalogue.ts'
import data from './catalogue.json' with { type: 'json' }

const Sections = Type.Object(
  {
    resourceLimits: Type.Record(Type.String(), whole('', Number.MAX_SAFE_INTEGER, 0), {
      description: 'Limits that the contract is answered with, by the provider’s names.',
    }),
  },
  closed,
)

export const catalogue = createCatalogue({ schema: Sections, data, read: (sections) => sections })

export const catalogueOf = readerOf(catalogue)
