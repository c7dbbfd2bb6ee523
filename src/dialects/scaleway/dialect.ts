/**
 * Scaleway: security groups and their rules, the servers they are attached to, and what clients call on the way.
 *
 * It translates and nothing else: what rules mean is the model's, what may be done is the services'. What of the API is
 * missing, and why, is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { errorAnswer } from './errors.ts'
import { manifest } from './manifest.ts'
import { actionRoutes } from './routes-actions.ts'
import { blockRoutes } from './routes-block.ts'
import { catalogueRoutes } from './routes-catalogue.ts'
import { groupRoutes } from './routes-groups.ts'
import { identityRoutes } from './routes-identity.ts'
import { ipRoutes } from './routes-ips.ts'
import { ruleRoutes } from './routes-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { userDataRoutes } from './routes-user-data.ts'
import { volumeRoutes } from './routes-volumes.ts'

/** Products of the public SDKs, August 2026: a path below one is this dialect's to refuse, also where nothing is served. */
const products = [
  ...['account', 'apple-silicon', 'audit-trail', 'autoscaling', 'baremetal', 'billing', 'block', 'cockpit'],
  ...['containers', 'datalab', 'datawarehouse', 'dedibox', 'document-db', 'domain', 'edge-services'],
  ...['environmental-footprint', 'file', 'flexible-ip', 'functions', 'generative-apis', 'iam', 'inference'],
  ...['instance', 'interlink', 'iot', 'ipam', 'ipfs', 'k8s', 'kafka', 'key-manager', 'lb', 'llm-inference'],
  ...[
    'mailbox',
    'marketplace',
    'mnq',
    'mongodb',
    'nats',
    'partner',
    'product-catalog',
    'qaas',
    'rdb',
    'redis',
  ],
  ...['registry', 's2s-vpn', 'searchdb', 'secret-manager', 'serverless-jobs', 'serverless-sqldb', 'tem'],
  ...['transactional-email', 'vpc', 'vpc-gw', 'webhosting'],
]

export const scalewayDialect = {
  ...manifest,
  prefixes: [''],
  roots: products.map((product) => `/${product}`),
  // Exactly this: clients compare the header for equality.
  contentType: 'application/json',
  routes: [
    ...groupRoutes,
    ...ruleRoutes,
    ...serverRoutes,
    ...actionRoutes,
    ...userDataRoutes,
    ...ipRoutes,
    ...volumeRoutes,
    ...blockRoutes,
    ...catalogueRoutes,
    ...identityRoutes,
  ],
  error: errorAnswer,
} satisfies Dialect
