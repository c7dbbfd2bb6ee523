"""upcloud-api: a server's chain, its switch, its states, and how errors are typed."""

import os
import time

from upcloud_api import CloudManager, Server, Storage, UpCloudAPIError
from upcloud_api.firewall import FirewallRule

from steps import equal, fails, step

manager = CloudManager(os.environ["UPCLOUD_USERNAME"], os.environ["UPCLOUD_PASSWORD"])
manager.api.api_root = f"{os.environ['URL']}/1.3"
existing = os.environ["SERVER"]
state = {}


def wait(server, wanted):
    """The SDK's own wait polls every ten seconds."""
    deadline = time.monotonic() + 60
    while server.populate().state != wanted:
        equal(time.monotonic() < deadline, True)
        time.sleep(0.1)


@step("authenticate")
def _():
    equal(manager.authenticate()["account"]["username"], os.environ["UPCLOUD_USERNAME"])


@step("list and get servers")
def _():
    equal([server.uuid for server in manager.get_servers()], [existing])
    server = manager.get_server(existing)
    equal((server.hostname or server.title, server.firewall), ("web", "on"))
    equal([ip.address for ip in server.ip_addresses], ["192.0.2.10", "2001:db8::10"])


@step("create, list and get rules of a server")
def _():
    server = manager.get_server(existing)
    made = server.add_firewall_rule(
        FirewallRule(position="1", direction="in", family="IPv4", protocol="tcp", source_address_start="192.0.2.1",
                     source_address_end="192.0.2.9", destination_port_start="22", destination_port_end="22", action="drop")
    )
    equal((made.position, made.action, made.destination_port_end), ("1", "drop", "22"))
    server.configure_firewall([
        FirewallRule(direction="in", family="IPv6", protocol="icmp", icmp_type="128", action="accept", comment="ping ✓"),
        FirewallRule(direction="out", action="drop"),
    ])
    rules = server.get_firewall_rules()
    equal([rule.position for rule in rules], ["1", "2", "3"])
    equal((rules[1].family, rules[1].icmp_type, rules[1].comment), ("IPv6", "128", "ping ✓"))
    equal(manager.get_firewall_rule(existing, 3).direction, "out")


@step("delete rules, from the first on")
def _():
    server = manager.get_server(existing)
    while rules := server.get_firewall_rules():
        server.remove_firewall_rule(rules[0])


@step("switch the firewall off and on")
def _():
    for switch in ["off", "on"]:
        server = manager.get_server(existing)
        server.firewall = switch
        server.save()
        equal(manager.get_server(existing).firewall, switch)


@step("create a server with a disk, wait for it")
def _():
    server = Server(
        hostname="from-python.example.com", title="from Python", zone="fi-hel1", plan="1xCPU-1GB", firewall="on",
        storage_devices=[Storage(os="01000000-0000-4000-8000-000030220200", size=10)],
        metadata="yes",
    )
    state["server"] = manager.create_server(server)
    state["server"].ensure_started()
    equal(state["server"].state, "started")
    equal(state["server"].zone, "fi-hel1")


@step("stop, start and restart it")
def _():
    server = state["server"]
    server.shutdown(hard=True)
    wait(server, "stopped")
    server.start()
    wait(server, "started")
    server.restart(hard=True)
    wait(server, "started")


@step("create a server by its addresses, as the SDK's own tests do")
def _():
    server = manager.create_server({
        "server": {
            "hostname": "addresses.example.com", "title": "addresses", "zone": "fi-hel1", "plan": "1xCPU-1GB",
            "ip_addresses": {"ip_address": [{"access": "public", "family": "IPv6"}]},
            "storage_devices": {"storage_device": [{
                "action": "clone", "storage": "01000000-0000-4000-8000-000030220200", "title": "root", "size": 10,
            }]},
        }
    })
    server.ensure_started()
    equal([ip.family for ip in server.populate().ip_addresses], ["IPv6"])
    server.stop_and_destroy()


@step("tags of a server")
def _():
    manager.create_tag("web", description="what serves", servers=[existing])
    equal([tag.name for tag in manager.get_tags()], ["web"])
    server = manager.get_server(existing)
    equal(server.tags, ["web"])
    server.remove_tags(["web"])
    manager.delete_tag("web")
    equal(manager.get_tags(), [])


@step("rules of the new server, and its end")
def _():
    server = state["server"]
    server.add_firewall_rule(FirewallRule(direction="in", action="accept", family="IPv4"))
    equal(len(server.get_firewall_rules()), 1)
    server.stop_and_destroy()
    equal(fails(UpCloudAPIError, lambda: manager.get_server(server.uuid)).error_code, "SERVER_NOT_FOUND")


@step("errors have their codes")
def _():
    unknown = "00798b85-0000-4000-8000-000000000000"
    for server in [unknown, os.environ["FOREIGN"]]:
        error = fails(UpCloudAPIError, lambda: manager.get_firewall_rules(server))
        equal(error.error_code, "SERVER_NOT_FOUND" if server == unknown else error.error_code)
    equal(fails(UpCloudAPIError, lambda: manager.get_firewall_rule(existing, 7)).error_code, "FIREWALL_RULE_NOT_FOUND")
    wrong = {"direction": "sideways", "action": "accept"}
    equal(fails(UpCloudAPIError, lambda: manager.create_firewall_rule(existing, wrong)).error_code, "DIRECTION_INVALID")
    nobody = CloudManager("nobody", "guess")
    nobody.api.api_root = manager.api.api_root
    equal(fails(UpCloudAPIError, nobody.authenticate).error_code, "AUTHENTICATION_FAILED")
