/** Who a key belongs to, and the account's projects (contract: scaleway §3 A). */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import { derivedId } from '../../service/derived-id.ts'
import { changeFound } from '../../service/retry.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { attributesOf, instantZ } from './encode.ts'
import { serverAttributes } from './encode-server.ts'
import { forbidden, notFound, precondition } from './errors.ts'
import { Fields, maxCharacters } from './fields.ts'
import { type Found, noContent, profile, projectsOf, routesOf, subject } from './find.ts'
import { decodePage, slice } from './pages.ts'

const encodeProject = ({ id, body }: DocumentRecord, organization: string): JsonObject => ({
  id,
  name: body.name ?? '',
  organization_id: organization,
  created_at: instantZ(Number(body.createdAt)),
  updated_at: instantZ(Number(body.modifiedAt ?? body.createdAt)),
  description: body.description ?? '',
  qualification: null,
})

export const identityRoutes = routesOf([
  {
    method: 'GET',
    path: '/iam/v1alpha1/api-keys/:key',
    operation: 'getApiKey',
    success: 200,
    summary: 'What a key is for',
    handle: async (request) => {
      const { key = '' } = request.params
      const { credential, account } = request.principal
      // A key is shown to itself: whoever has another has its own.
      if (credential.attributes.accessKey !== key) return notFound('api_key', key)
      const { all, own } = await projectsOf(request)
      const since = instantZ(Number(all[0]?.body.createdAt ?? 0))
      return ok({
        status: 200,
        body: {
          access_key: key,
          secret_key: null,
          description: '',
          created_at: since,
          updated_at: since,
          expires_at: credential.expiresAt === null ? null : instantZ(credential.expiresAt),
          default_project_id: own,
          editable: true,
          deletable: true,
          managed: false,
          creation_ip: '127.0.0.1',
          user_id: derivedId('user', account),
        },
      })
    },
  },

  {
    method: 'GET',
    path: '/account/v3/projects',
    operation: 'listProjects',
    success: 200,
    summary: 'Projects',
    handle: async (request) => {
      const { query } = request
      const page = decodePage(query, 'page_size')
      if (!page.ok) return page
      const { all, organization } = await projectsOf(request)
      const asked = query.get('organization_id') || organization
      if (asked !== organization) return forbidden('organization', 'read')
      const [name, ids] = [query.get('name'), query.getAll('project_ids').flatMap((each) => each.split(','))]
      const found = all.filter(
        ({ id, body }) => (!name || body.name === name) && (ids.length === 0 || ids.includes(id)),
      )
      const projects = slice(found, page.value).map((each) => encodeProject(each, organization))
      return ok({ status: 200, body: { projects, total_count: found.length } })
    },
  },

  // 200, not 201: the product's own way.
  {
    method: 'POST',
    path: '/account/v3/projects',
    operation: 'createProject',
    success: 200,
    summary: 'Create a project',
    handle: async (request) => {
      const fields = Fields.of(request.body)
      const name = fields.text('name', maxCharacters.name)
      const description = fields.text('description', maxCharacters.description)
      const asked = fields.uuid('organization_id')
      const decoded = fields.result(() => ({
        name: name || `proj-${randomUUID().slice(0, 8)}`,
        description: description ?? '',
      }))
      if (!decoded.ok) return decoded
      const { organization } = await projectsOf(request)
      if (asked !== undefined && asked !== organization) return forbidden('organization', 'write')
      const document = {
        ...({ profile, kind: 'project', id: randomUUID() } as const),
        body: { ...decoded.value, createdAt: request.now },
      }
      const done = await request.services.documents.put(request, document)
      if (!done.ok) return done
      const { account } = request.principal
      return ok({ status: 200, body: encodeProject({ ...document, account, revision: 0 }, organization) })
    },
  },

  {
    method: 'GET',
    path: '/account/v3/projects/:id',
    operation: 'getProject',
    success: 200,
    summary: 'One project',
    handle: async (request) => {
      const found = await findProject(request)
      if (!found.ok) return found
      return ok({ status: 200, body: encodeProject(found.value, (await projectsOf(request)).organization) })
    },
  },

  {
    method: 'PATCH',
    path: '/account/v3/projects/:id',
    operation: 'updateProject',
    success: 200,
    summary: 'Change a project',
    handle: async (request) => {
      const fields = Fields.of(request.body)
      const name = fields.text('name', maxCharacters.name)
      const description = fields.text('description', maxCharacters.description)
      const decoded = fields.result(() => ({
        ...(name && { name }),
        ...(description !== undefined && { description }),
      }))
      if (!decoded.ok) return decoded
      return changeFound(
        subject(request),
        () => findProject(request),
        async (project): Found<Answer> => {
          const { revision, account: _, ...old } = project
          const { organization } = await projectsOf(request)
          const changes = Object.entries(decoded.value).filter(
            ([key, value]) => (old.body[key] ?? '') !== value,
          )
          if (changes.length === 0) return ok({ status: 200, body: encodeProject(project, organization) })
          const document = { ...old, body: { ...old.body, ...decoded.value, modifiedAt: request.now } }
          const done = await request.services.documents.put(request, document, { ifRevision: revision })
          if (!done.ok) return done
          return ok({ status: 200, body: encodeProject({ ...project, ...document }, organization) })
        },
      )
    },
  },

  {
    method: 'DELETE',
    path: '/account/v3/projects/:id',
    operation: 'deleteProject',
    success: 204,
    summary: 'Delete an empty project',
    handle: (request) =>
      changeFound(
        subject(request),
        () => findProject(request),
        async ({ id, revision }): Found<Answer> => {
          const { services } = request
          const { organization } = await projectsOf(request)
          if (id === organization) return precondition('resource_still_in_use', 'it is the default project')
          const groups = await services.groups.list(request, profile)
          const servers = await services.servers.list(request, profile)
          const documents = [
            ...(await services.documents.list(request, profile, 'volume')),
            ...(await services.documents.list(request, profile, 'ip')),
          ]
          const used =
            groups.some((each) => attributesOf(each).project === id) ||
            servers.some((each) => serverAttributes(each).project === id) ||
            documents.some(({ body }) => body.project === id)
          if (used) return precondition('resource_still_in_use', 'the project is not empty')
          // Whatever is made in it meanwhile renews it.
          const condition = { ifRevision: revision }
          const done = await services.documents.remove(request, profile, 'project', id, condition)
          return done.ok ? ok(noContent) : done
        },
      ),
  },
])

async function findProject(request: DialectRequest): Found<DocumentRecord> {
  const { id = '' } = request.params
  const found = await request.services.documents.get(request, profile, 'project', id.toLowerCase())
  return found.ok ? found : notFound('project', id)
}
