/** The account that asks (contract: upcloud §3.1; upcloud-more §3.3). */
import type { JsonObject } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import type { DialectRequest } from '../dialect.ts'
import { refusal } from './errors.ts'
import { routesOf } from './find.ts'

export const accountRoutes = routesOf([
  {
    method: 'GET',
    path: '/account',
    operation: 'getAccount',
    success: 200,
    summary: 'Who asks',
    handle: async (request) => {
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
            username: await usernameOf(request),
          },
        },
      })
    },
  },

  {
    method: 'GET',
    path: '/account/details/:username',
    operation: 'getAccountDetails',
    success: 200,
    summary: 'The account that asks, in detail',
    handle: async (request) => {
      const { username = '' } = request.params
      if (username === (await usernameOf(request))) {
        const names = { main_account: username, username }
        return ok({ status: 200, body: { account: { ...details, ...names } } })
      }
      return err(refusal(404, 'USER_NOT_FOUND', `The user ${username} does not exist.`))
    },
  },
])

async function usernameOf(request: DialectRequest): Promise<string> {
  const { credential } = request.principal
  if (credential.kind === 'password') return credential.lookup
  return (await request.services.servers.account(request)).name
}

/** Nothing is known of the person behind an account, and every credential reaches all of it. */
const details: JsonObject = {
  ...{ address: '', allow_api: 'yes', allow_gui: 'no', campaigns: { campaign: [] }, city: '', company: '' },
  ...{ country: 'FIN', currency: 'EUR', email: '', enable_3rd_party_services: 'no', first_name: '' },
  ...{ ip_filters: { ip_filter: ['*'] }, language: 'en', last_name: '', network_access: { network: ['*'] } },
  ...{ phone: '', postal_code: '', roles: { role: [] }, simple_backup: 'no', state: '' },
  ...{ server_access: { server: [{ storage: 'yes', uuid: '*' }] }, storage_access: { storage: ['*'] } },
  ...{ tag_access: { tag: [] }, timezone: 'UTC', type: 'main', vat_number: '' },
}
