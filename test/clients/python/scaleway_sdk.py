"""scaleway: groups, rules and servers, and how errors are typed."""

import dataclasses
import os

from scaleway import Client
from scaleway.instance.v1 import InstanceV1API
from scaleway.instance.v1.custom_api import InstanceUtilsV1API
from scaleway.instance.v1.types import (
    SecurityGroupPolicy,
    SecurityGroupRuleAction,
    SecurityGroupRuleDirection,
    SecurityGroupRuleProtocol,
    SecurityGroupTemplate,
    ServerAction,
    ServerState,
    SetSecurityGroupRulesRequestRule,
)
from scaleway_core.api import ScalewayException

from steps import equal, fails, step

client = Client(
    access_key=os.environ["SCW_ACCESS_KEY"],
    secret_key=os.environ["SCW_SECRET_KEY"],
    default_project_id=os.environ["SCW_DEFAULT_PROJECT_ID"],
    default_organization_id=os.environ["SCW_DEFAULT_ORGANIZATION_ID"],
    default_zone=os.environ["SCW_DEFAULT_ZONE"],
    default_region=os.environ["SCW_DEFAULT_REGION"],
    api_url=os.environ["SCW_API_URL"],
)
api = InstanceV1API(client)
utils = InstanceUtilsV1API(client)
state = {}


def rule(port, direction=SecurityGroupRuleDirection.INBOUND, ip_range="0.0.0.0/0"):
    return SetSecurityGroupRulesRequestRule(
        action=SecurityGroupRuleAction.ACCEPT, protocol=SecurityGroupRuleProtocol.TCP, direction=direction,
        ip_range=ip_range, dest_port_from=port, position=0,
        # Left out, the SDK says 0 and False: a port that is none, and a rule to be ignored.
        dest_port_to=None, editable=True,
    )


@step("create a group")
def _():
    group = api.create_security_group(
        name="from Python", description="web", stateful=True, tags=["a"],
        inbound_default_policy=SecurityGroupPolicy.DROP, outbound_default_policy=SecurityGroupPolicy.ACCEPT,
    ).security_group
    equal((group.name, group.stateful, group.inbound_default_policy, group.tags), ("from Python", True, SecurityGroupPolicy.DROP, ["a"]))
    equal(group.creation_date.year >= 2024, True)
    state["group"] = group.id


@step("list groups, all pages")
def _():
    for index in range(3):
        api.create_security_group(name=f"page {index}", description="", stateful=True)
    equal(len(api.list_security_groups_all(name="page", per_page=2)), 3)
    # The SDK hands the header on as text.
    equal(int(api.list_security_groups(name="page", per_page=2).total_count), 3)


@step("get and update a group")
def _():
    group = api.update_security_group(security_group_id=state["group"], stateful=False, tags=[]).security_group
    equal((group.stateful, group.tags, group.description), (False, [], "web"))
    equal(api.get_security_group(security_group_id=state["group"]).security_group.stateful, False)


@step("create, get, update and delete a rule")
def _():
    made = api.create_security_group_rule(
        security_group_id=state["group"], protocol=SecurityGroupRuleProtocol.UDP, direction=SecurityGroupRuleDirection.OUTBOUND,
        action=SecurityGroupRuleAction.DROP, ip_range="2001:DB8::1/128", dest_port_from=53, position=0, editable=True,
    ).rule
    equal((made.ip_range, made.position, made.editable), ("2001:db8::1", 1, True))
    place = {"security_group_id": state["group"], "security_group_rule_id": made.id}
    changed = api.update_security_group_rule(**place, dest_port_from=0, ip_range="192.0.2.0/24").rule
    equal((changed.ip_range, changed.dest_port_from), ("192.0.2.0/24", None))
    equal(api.get_security_group_rule(**place).rule.ip_range, "192.0.2.0/24")
    api.delete_security_group_rule(**place)
    error = fails(ScalewayException, lambda: api.get_security_group_rule(**place))
    equal(error.status_code, 404)


@step("replace all rules, and list them by pages")
def _():
    rules = [rule(port + 1) for port in range(60)]
    api.set_security_group_rules(security_group_id=state["group"], rules=rules)
    listed = api.list_security_group_rules_all(security_group_id=state["group"])
    equal([each.dest_port_from for each in listed if each.editable], list(range(1, 61)))
    equal(len(api.list_default_security_group_rules().rules), 6)


@step("create a server from an image's label in the group, move it, start it and wait, stop it, delete it")
def _():
    server = utils.create_server(
        name="from Python", commercial_type="DEV1-S", image="ubuntu_jammy", security_group=state["group"],
        dynamic_ip_required=False,
    ).server
    equal((server.security_group.id, server.state), (state["group"], ServerState.STOPPED))
    other = api.list_security_groups(name="page 1").security_groups[0]
    moved = api._update_server(server_id=server.id, security_group=SecurityGroupTemplate(id=other.id, name="")).server
    equal((moved.security_group.id, moved.security_group.name), (other.id, "page 1"))
    for action, wanted in [(ServerAction.POWERON, ServerState.RUNNING), (ServerAction.POWEROFF, ServerState.STOPPED)]:
        api.server_action(server_id=server.id, action=action)
        equal(utils.wait_instance_server(server.id, client.default_zone).server.state, wanted)
    equal([each.id for each in api.list_servers_all(name="from Python")], [server.id])
    api.delete_server(server_id=server.id)
    equal(fails(ScalewayException, lambda: api.get_server(server_id=server.id)).status_code, 404)


@step("errors have their status and their text")
def _():
    missing = "00000000-0000-4000-8000-000000000000"
    error = fails(ScalewayException, lambda: api.get_security_group(security_group_id=missing))
    equal(error.status_code, 404)
    equal(missing in str(error), True)
    error = fails(ScalewayException, lambda: api.create_security_group(name="x" * 5000, description="", stateful=True))
    equal((error.status_code, "name" in str(error)), (400, True))
    nobody = dataclasses.replace(client, secret_key=missing)
    equal(fails(ScalewayException, InstanceV1API(nobody).list_security_groups).status_code, 401)


@step("delete the groups")
def _():
    for group in api.list_security_groups_all():
        if not group.servers:
            api.delete_security_group(security_group_id=group.id)
