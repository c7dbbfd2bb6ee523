/** The OpenAPI document under two validators that others wrote: the standard’s own schema, and a linter of documents. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openapi } from './openapi.ts'
import { routes } from './routes.ts'

const document = openapi(routes)

async function lint(text: string): Promise<string[]> {
  const config = await createConfig({
    extends: ['spec', 'recommended'],
    // Tags are the paths’ own words; components are there for routes to come, too.
    rules: {
      'tag-description': 'off',
      'no-unused-components': 'off',
      'no-invalid-media-type-examples': 'error',
      'no-invalid-schema-examples': 'error',
    },
  })
  const problems = await lintFromString({ source: text, config, absoluteRef: '/openapi.json' })
  return problems.map(({ ruleId, message, location: [at] }) => `${ruleId} ${at?.pointer}: ${message}`)
}

test('the standard’s schema takes it', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  assert.ok(valid, JSON.stringify(errors))
})

test('a linter finds nothing', async () => {
  assert.deepEqual(await lint(JSON.stringify(document)), [])
})

test('both find what is wrong', async () => {
  const text = JSON.stringify(document)
  const unnamed = text.replaceAll('"in":"path"', '"in":"way"')
  assert.equal((await new Validator().validate(JSON.parse(unnamed))).valid, false)
  assert.match((await lint(text.replace('"name":"id"', '"name":"ident"'))).join(), /path/)
})

test('every operation has an example of its body', () => {
  const without = routes.filter(({ schema }) => schema?.body && !('examples' in schema.body))
  assert.deepEqual(
    without.map(({ operation }) => operation),
    [],
  )
})
