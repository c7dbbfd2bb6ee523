"""ionoscloud: a datacenter from its creation to its deletion, and how errors are typed."""

import os

import ionoscloud
from ionoscloud.exceptions import ApiException
from ionoscloud.models import (
    Datacenter,
    DatacenterProperties,
    FirewallRule,
    FirewallruleProperties,
    FirewallRules,
    Lan,
    LanProperties,
    ListOfIds,
    Nic,
    NicEntities,
    NicProperties,
    Nics,
    SecurityGroupEntitiesRequest,
    SecurityGroupProperties,
    SecurityGroupRequest,
    Server,
    ServerEntities,
    ServerProperties,
)

from steps import equal, fails, step

configuration = ionoscloud.Configuration(
    host=os.environ["IONOS_API_URL"], username=os.environ["IONOS_USERNAME"], password=os.environ["IONOS_PASSWORD"]
)
client = ionoscloud.ApiClient(configuration)
datacenters, lans = ionoscloud.DataCentersApi(client), ionoscloud.LANsApi(client)
servers, rules = ionoscloud.ServersApi(client), ionoscloud.FirewallRulesApi(client)
groups = ionoscloud.SecurityGroupsApi(client)
place = {}


def done(answer):
    """Waits for the request that an answer names; the answer's body."""
    body, _, headers = answer
    client.wait_for_completion(headers["Location"].split("/requests/")[1].split("/")[0], initial_wait=0.05)
    return body


@step("create a datacenter and a LAN")
def _():
    made = done(datacenters.datacenters_post_with_http_info(
        Datacenter(properties=DatacenterProperties(name="from Python", location="de/txl"))
    ))
    place["datacenter_id"] = made.id
    lan = done(lans.datacenters_lans_post_with_http_info(made.id, Lan(properties=LanProperties(name="lan", public=True))))
    equal(lan.id, "1")
    equal(datacenters.datacenters_find_by_id(made.id).metadata.state, "AVAILABLE")


@step("create a server with a NIC and a rule in one request")
def _():
    rule = FirewallRule(properties=FirewallruleProperties(protocol="ICMP", icmp_type=0, icmp_code=0))
    nic = Nic(
        properties=NicProperties(lan=1, firewall_active=True),
        entities=NicEntities(firewallrules=FirewallRules(items=[rule])),
    )
    made = done(servers.datacenters_servers_post_with_http_info(
        place["datacenter_id"],
        Server(
            properties=ServerProperties(name="server", cores=1, ram=1024),
            entities=ServerEntities(nics=Nics(items=[nic])),
        ),
    ))
    place["server_id"] = made.id
    read = servers.datacenters_servers_find_by_id(place["datacenter_id"], made.id, depth=5)
    place["nic_id"] = read.entities.nics.items[0].id
    nested = read.entities.nics.items[0].entities.firewallrules.items[0].properties
    equal((nested.icmp_type, nested.icmp_code, nested.type), (0, 0, "INGRESS"))


@step("rules of the NIC: create, list, get, PATCH, PUT, delete")
def _():
    made = done(rules.datacenters_servers_nics_firewallrules_post_with_http_info(
        **place,
        firewallrule=FirewallRule(properties=FirewallruleProperties(
            name="SSH", protocol="TCP", source_ip="2001:DB8::/32", port_range_start=22, port_range_end=23)),
    ))
    rule = {**place, "firewallrule_id": made.id}
    read = rules.datacenters_servers_nics_firewallrules_find_by_id(**rule).properties
    equal((read.source_ip, read.ip_version, read.port_range_end), ("2001:DB8::/32", "IPv6", 23))
    done(rules.datacenters_servers_nics_firewallrules_patch_with_http_info(
        **rule, firewallrule=FirewallruleProperties(name="HTTP", port_range_start=80, port_range_end=80)))
    done(rules.datacenters_servers_nics_firewallrules_put_with_http_info(
        **rule, firewallrule=FirewallRule(properties=FirewallruleProperties(protocol="TCP", type="EGRESS"))))
    listed = rules.datacenters_servers_nics_firewallrules_get(**place, depth=1).items
    equal([(each.properties.name, each.properties.type) for each in listed][1], ("HTTP", "EGRESS"))
    done(rules.datacenters_servers_nics_firewallrules_delete_with_http_info(**rule))
    equal(fails(ApiException, lambda: rules.datacenters_servers_nics_firewallrules_find_by_id(**rule)).status, 404)


@step("groups: create with rules, PUT, PATCH, rules, attach, detach, delete")
def _():
    at = place["datacenter_id"]
    made = done(groups.datacenters_securitygroups_post_with_http_info(at, SecurityGroupRequest(
        properties=SecurityGroupProperties(name="web", description="from Python"),
        entities=SecurityGroupEntitiesRequest(rules=FirewallRules(items=[
            FirewallRule(properties=FirewallruleProperties(protocol="UDP", port_range_start=53, port_range_end=53))])),
    )))
    done(groups.datacenters_securitygroups_put_with_http_info(
        at, made.id, SecurityGroupRequest(properties=SecurityGroupProperties(name="web 2"))))
    done(groups.datacenters_securitygroups_patch_with_http_info(at, made.id, SecurityGroupProperties(name="web 2", description="changed")))
    read = groups.datacenters_securitygroups_find_by_id(at, made.id, depth=2)
    equal((read.properties.name, read.properties.description, len(read.entities.rules.items)), ("web 2", "changed", 1))
    rule = done(groups.datacenters_securitygroups_firewallrules_post_with_http_info(
        at, made.id, FirewallRule(properties=FirewallruleProperties(protocol="ICMPv6", type="EGRESS"))))
    done(groups.datacenters_securitygroups_rules_put_with_http_info(
        at, made.id, rule.id, FirewallRule(properties=FirewallruleProperties(protocol="ICMPv6", icmp_type=128))))
    done(groups.datacenters_securitygroups_rules_patch_with_http_info(
        at, made.id, rule.id, FirewallruleProperties(protocol="ICMPv6", icmp_code=0)))
    properties = groups.datacenters_securitygroups_rules_find_by_id(at, made.id, rule.id).properties
    equal((properties.icmp_type, properties.icmp_code, properties.ip_version), (128, 0, "IPv6"))
    equal(len(groups.datacenters_securitygroups_rules_get(at, made.id, depth=1).items), 2)
    done(groups.datacenters_securitygroups_firewallrules_delete_with_http_info(at, made.id, rule.id))
    for ids in [[made.id], []]:
        done(groups.datacenters_servers_securitygroups_put_with_http_info(at, place["server_id"], ListOfIds(ids=ids)))
        done(groups.datacenters_servers_nics_securitygroups_put_with_http_info(**place, securitygroups=ListOfIds(ids=ids)))
        attached = groups.datacenters_securitygroups_find_by_id(at, made.id, depth=1).entities
        equal((len(attached.servers.items), len(attached.nics.items)), (len(ids), len(ids)))
    done(groups.datacenters_securitygroups_delete_with_http_info(at, made.id))


@step("errors have their status and their text")
def _():
    wrong = FirewallRule(properties=FirewallruleProperties(protocol="TCP", port_range_start=23, port_range_end=22))
    error = fails(ApiException, lambda: rules.datacenters_servers_nics_firewallrules_post(**place, firewallrule=wrong))
    equal((error.status, '"errorCode"' in error.body), (422, True))
    for unknown in ["00000000-0000-4000-8000-000000000000", os.environ["FOREIGN_DATACENTER"], "nonsense"]:
        equal(fails(ApiException, lambda: datacenters.datacenters_find_by_id(unknown)).status, 404)
    nobody = ionoscloud.ApiClient(ionoscloud.Configuration(host=configuration.host, username="nobody", password="guess"))
    equal(fails(ApiException, lambda: ionoscloud.DataCentersApi(nobody).datacenters_get()).status, 401)


@step("delete everything")
def _():
    done(servers.datacenters_servers_delete_with_http_info(place["datacenter_id"], place["server_id"]))
    done(lans.datacenters_lans_delete_with_http_info(place["datacenter_id"], "1"))
    done(datacenters.datacenters_delete_with_http_info(place["datacenter_id"]))
    equal(fails(ApiException, lambda: datacenters.datacenters_find_by_id(place["datacenter_id"])).status, 404)
