/** The native API as data: it manages no servers of its own. */
import type { Manifest } from '../manifest.ts'
import { gaps } from './gaps.ts'

export const manifest = {
  profile: 'native',
  title: 'native',
  order: 5,
  states: [],
  schemes: ['bearer', 'basic', 'x-api-key', 'x-auth-token'],
  credentials: ['token'],
  inventory: {},
  gaps,
  demonstration: {
    account: {},
    servers: [],
    call: {
      what: 'what happens to such a packet, and which rule decides',
      flags: "-H 'Authorization: Bearer {token}'",
      path: '/v1/trace',
      body: {
        server: 'web1',
        direction: 'ingress',
        packet: {
          protocol: 'tcp',
          source: '198.51.100.10',
          sourcePort: 40000,
          destination: '192.0.2.10',
          destinationPort: 22,
        },
      },
    },
  },
} as const satisfies Manifest
