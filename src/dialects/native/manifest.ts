/** The native API as data: servers that are judged by policies of its own, and closed without one. */
import { defaultSwitches, type PolicySettings, unattended } from '../../core/model/policy.ts'
import type { Manifest } from '../manifest.ts'
import { gaps } from './gaps.ts'
import { limits } from './limits.ts'

/** Of a policy whose maker says nothing else. It is for interfaces of every type, and opens nothing by filtering less. */
export const usual: PolicySettings = {
  ...{ enabled: true, order: 'first-match', filters: ['ingress', 'egress'] },
  ...{ appliesTo: ['public', 'utility', 'private'], guards: defaultSwitches, builtIn: null },
  ...unattended,
  closes: true,
}

export const manifest = {
  profile: 'native',
  title: 'native',
  order: 5,
  states: ['started', 'stopped'],
  schemes: ['bearer', 'basic', 'x-api-key', 'x-auth-token'],
  credentials: ['token'],
  inventory: {},
  limits,
  maxRules: { group: limits.rulesPerPolicy },
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
