/** The account that asks (contract: upcloud §3.1). */
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { route } from './find.ts'

export const accountRoutes: readonly Route[] = [
  route('GET', '/account', 'getAccount', 200, 'Who asks', async (request) => {
    const { credential } = request.principal
    const account = await request.services.servers.account(request)
    return ok({
      status: 200,
      body: {
        account: {
          credits: 10_000,
          resource_limits: {
            cores: 200,
            detached_floating_ips: 10,
            memory: 1_048_576,
            networks: 100,
            public_ipv4: 100,
            public_ipv6: 100,
            storage_hdd: 10_240,
            storage_maxiops: 10_240,
            storage_ssd: 10_240,
          },
          username: credential.kind === 'password' ? credential.label : account.name,
        },
      },
    })
  }),
]
