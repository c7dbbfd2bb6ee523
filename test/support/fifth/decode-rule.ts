/** A rule's body → a rule of the model: it lets one TCP port in. */
import type { JsonValue } from '../../../src/core/json.ts'
import type { RequestError } from '../../../src/core/model/error.ts'
import { TCP } from '../../../src/core/net/protocol.ts'
import type { Result } from '../../../src/core/result.ts'
import type { NewRule } from '../../../src/storage/storage.ts'
import { Fields } from './fields.ts'
import type { WireRule } from './wire.ts'

const portOf = (value: JsonValue): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535 ? value : undefined

export function decodeRule(body: JsonValue | undefined): Result<NewRule, RequestError> {
  const fields = Fields.of(body)
  fields.refuseUnknown(new Set(['port']))
  fields.needs(['port'])
  const port = fields.read('port', portOf, 'expected a port, 1 to 65535')
  if (port === undefined) return fields.failed()
  const spec: WireRule = { port }
  return fields.result(() => ({
    ...{ direction: 'ingress', action: 'allow', enabled: true, spec },
    matches: [{ protocol: TCP, destinationPorts: [{ first: port, last: port }] }],
  }))
}
