/** Security groups (contract: scaleway §2.2, calls 1 to 6). */
import { defaultKey } from '../../core/model/profile.ts'
import { ok } from '../../core/result.ts'
import { changeFound } from '../../service/retry.ts'
import type { PolicyRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { applyGroupChange, asAttributes, decodeGroupChange, decodeNewGroup, differs } from './decode-group.ts'
import { attributesOf, encodeGroup, type GroupContext, json } from './encode.ts'
import { invalid, precondition } from './errors.ts'
import {
  chooseProject,
  decodeListing,
  type Found,
  findGroup,
  groupContext,
  type Handled,
  inProject,
  locationOf,
  noContent,
  profile,
  projectGone,
  projectsOf,
  subject,
  zonedRoutesOf,
} from './find.ts'
import { pageHeaders, slice } from './pages.ts'

const answer = (status: number, policy: PolicyRecord, context: GroupContext): Answer => ({
  status,
  body: json({ security_group: encodeGroup(policy, context) }),
})

export const groupRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/security_groups',
    operation: 'listGroups',
    success: 200,
    summary: 'Security groups',
    handle: async (request, zone) => {
      const { query, services } = request
      const listing = await decodeListing(request)
      if (!listing.ok) return listing
      const { page, projects, wants } = listing.value
      // In any case of letters: the Python SDK writes True.
      const [name, isDefault] = [query.get('name') ?? '', (query.get('project_default') ?? '').toLowerCase()]
      if (isDefault !== '' && isDefault !== 'true' && isDefault !== 'false') {
        return invalid([{ argument: 'project_default', reason: 'format', help: 'expected true or false' }])
      }
      const found = (await services.groups.list(request, profile, zone)).filter((each) => {
        const { project, tags } = attributesOf(each)
        const asDefault = isDefault === '' || (each.defaultFor !== null) === (isDefault === 'true')
        return each.name.includes(name) && wants(project, tags) && asDefault
      })
      const members = Map.groupBy(await services.groups.members(request, profile), ({ policy }) => policy)
      const unapplied = await services.groups.unapplied(request)
      const listed = slice(found, page).map((each) =>
        encodeGroup(each, {
          organization: projects.organization,
          members: members.get(each.id) ?? [],
          unapplied: unapplied.get(each.id),
        }),
      )
      const headers = pageHeaders('security_groups', found.length, page, query)
      return ok({ status: 200, body: json({ security_groups: listed }), headers })
    },
  },

  {
    method: 'POST',
    path: '/security_groups',
    operation: 'createGroup',
    success: 201,
    summary: 'Create a security group',
    handle: async (request, zone) => {
      const wanted = decodeNewGroup(request.body)
      if (!wanted.ok) return wanted
      const { name, settings, attributes, isDefault } = wanted.value
      const projects = await projectsOf(request)
      const project = chooseProject(projects, wanted.value)
      if (!project.ok) return project
      const created = await request.services.groups.create(inProject(request, project.value), profile, {
        ...{ name, settings, zone, rules: [] },
        attributes: asAttributes({ project: project.value, ...attributes }),
        defaultFor: isDefault ? defaultKey(project.value, zone) : null,
      })
      if (!created.ok) return projectGone(created)
      const { policy } = created.value
      const { organization } = projects
      return ok({
        ...answer(201, policy, { organization, members: [], unapplied: undefined }),
        headers: { location: locationOf(request, policy.id) },
      })
    },
  },

  {
    method: 'GET',
    path: '/security_groups/:id',
    operation: 'getGroup',
    success: 200,
    summary: 'One security group',
    handle: async (request, zone) => {
      const group = await findGroup(request, zone)
      if (!group.ok) return group
      return ok(answer(200, group.value, await groupContext(request, group.value.id)))
    },
  },

  {
    method: 'PUT',
    path: '/security_groups/:id',
    operation: 'replaceGroup',
    success: 200,
    summary: 'Set all of a security group',
    handle: (request, zone) => change(request, zone, true),
  },
  {
    method: 'PATCH',
    path: '/security_groups/:id',
    operation: 'updateGroup',
    success: 200,
    summary: 'Change a security group',
    handle: (request, zone) => change(request, zone, false),
  },

  {
    method: 'DELETE',
    path: '/security_groups/:id',
    operation: 'deleteGroup',
    success: 204,
    summary: 'Delete a security group',
    handle: async (request, zone) => {
      const group = await findGroup(request, zone)
      if (!group.ok) return group
      const done = await request.services.groups.remove(request, profile, group.value.id)
      if (done.ok) return ok(noContent)
      return done.error.kind === 'conflict'
        ? precondition('resource_still_in_use', 'group is in use. you cannot delete it.')
        : done
    },
  },
])

/** Says `syncing` of what it changed, whether or not a host has to follow: the next read tells how far it is. */
async function change(request: DialectRequest, zone: string, whole: boolean): Handled {
  const stated = decodeGroupChange(request.body, whole)
  if (!stated.ok) return stated
  const done = await changeFound(
    subject(request),
    () => findGroup(request, zone),
    async (old): Found<{ policy: PolicyRecord; changed: boolean }> => {
      const { organization } = await projectsOf(request)
      const members = await request.services.groups.members(request, profile, { policy: old.id })
      const servers = members.map(({ server }) => server)
      const next = applyGroupChange(stated.value, old, { organization, servers })
      if (!next.ok) return next
      if (!differs(old, next.value)) return ok({ policy: old, changed: false })
      const { name, settings, attributes, isDefault } = next.value
      const changed = await request.services.groups.update(
        request,
        profile,
        old.id,
        {
          ...{ name, settings },
          attributes: asAttributes(attributes),
          defaultFor: isDefault ? defaultKey(attributes.project, zone) : null,
        },
        { ifRevision: old.revision },
      )
      return changed.ok ? ok({ policy: changed.value.policy, changed: true }) : changed
    },
  )
  if (!done.ok) return done
  const { policy, changed } = done.value
  const context = await groupContext(request, policy.id)
  return ok(answer(200, policy, changed ? { ...context, unapplied: 'applying' } : context))
}
