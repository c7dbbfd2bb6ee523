// Command ionoscloud drives the service through ionos-cloud/sdk-go: a datacenter from its creation to its deletion.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	ionos "github.com/ionos-cloud/sdk-go/v6"

	. "portcullis.example/clients/steps"
)

func main() {
	configuration := ionos.NewConfigurationFromEnv()
	configuration.PollInterval = 20 * time.Millisecond
	api := ionos.NewAPIClient(configuration)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	// done waits for the request that an answer names, as the SDK does.
	done := func(response *ionos.APIResponse, err error) {
		Check(err)
		location := response.Header.Get("Location")
		That(location != "", "no Location")
		Must(api.WaitForRequest(ctx, location))
	}
	status := func(err error) int {
		var failure ionos.GenericOpenAPIError
		That(errors.As(err, &failure), fmt.Sprintf("%T: %v", err, err))
		return failure.StatusCode()
	}

	var datacenter, lan, server, nic, group, rule string

	Step("create a datacenter and a LAN", func() {
		made, response, err := api.DataCentersApi.DatacentersPost(ctx).Datacenter(ionos.DatacenterPost{
			Properties: &ionos.DatacenterPropertiesPost{Name: Pointer("from Go"), Location: Pointer("de/txl")},
		}).Execute()
		done(response, err)
		datacenter = *made.Id
		network, response, err := api.LANsApi.DatacentersLansPost(ctx, datacenter).Lan(ionos.Lan{
			Properties: &ionos.LanProperties{Name: Pointer("lan"), Public: Pointer(true)},
		}).Execute()
		done(response, err)
		lan = *network.Id
		read := first(api.DataCentersApi.DatacentersFindById(ctx, datacenter).Depth(2).Execute())
		Equal([]string{*read.Properties.Name, *read.Metadata.State}, []string{"from Go", "AVAILABLE"})
	})
	Step("create a server with a NIC and its rules in one request", func() {
		made, response, err := api.ServersApi.DatacentersServersPost(ctx, datacenter).Depth(5).Server(ionos.Server{
			Properties: &ionos.ServerProperties{Name: Pointer("server"), Cores: Pointer(int32(1)), Ram: Pointer(int32(1024))},
			Entities: &ionos.ServerEntities{Nics: &ionos.Nics{Items: &[]ionos.Nic{{
				Properties: &ionos.NicProperties{Lan: Pointer(int32(1)), FirewallActive: Pointer(true)},
				Entities: &ionos.NicEntities{Firewallrules: &ionos.FirewallRules{Items: &[]ionos.FirewallRule{{
					Properties: &ionos.FirewallruleProperties{Protocol: Pointer("ICMP"), IcmpType: Pointer(int32(0)), IcmpCode: Pointer(int32(0))},
				}}}},
			}}}},
		}).Execute()
		done(response, err)
		server = *made.Id
		read := first(api.ServersApi.DatacentersServersFindById(ctx, datacenter, server).Depth(5).Execute())
		That(*read.Properties.VmState == "RUNNING", "it runs")
		card := (*read.Entities.Nics.Items)[0]
		nic = *card.Id
		nested := (*card.Entities.Firewallrules.Items)[0].Properties
		Equal([]any{*nested.IcmpType, *nested.Type, *nested.IpVersion}, []any{int32(0), "INGRESS", "IPv4"})
		Equal(lan, fmt.Sprint(*card.Properties.Lan))
	})
	Step("create, get, list a rule of the NIC", func() {
		made, response, err := api.FirewallRulesApi.DatacentersServersNicsFirewallrulesPost(ctx, datacenter, server, nic).Firewallrule(ionos.FirewallRule{
			Properties: &ionos.FirewallruleProperties{
				Name: Pointer("SSH"), Protocol: Pointer("TCP"), SourceIp: Pointer("2001:DB8::/32"), SourceMac: Pointer("00:0A:95:9D:68:16"),
				PortRangeStart: Pointer(int32(22)), PortRangeEnd: Pointer(int32(23)),
			},
		}).Execute()
		done(response, err)
		rule = *made.Id
		read := first(api.FirewallRulesApi.DatacentersServersNicsFirewallrulesFindById(ctx, datacenter, server, nic, rule).Execute()).Properties
		Equal([]string{*read.SourceIp, *read.SourceMac, *read.IpVersion}, []string{"2001:DB8::/32", "00:0A:95:9D:68:16", "IPv6"})
		listed := first(api.FirewallRulesApi.DatacentersServersNicsFirewallrulesGet(ctx, datacenter, server, nic).Depth(1).Execute())
		Equal(len(*listed.Items), 2)
		page := first(api.FirewallRulesApi.DatacentersServersNicsFirewallrulesGet(ctx, datacenter, server, nic).Depth(1).Offset(1).Limit(1).Execute())
		Equal([]any{len(*page.Items), *(*page.Items)[0].Id}, []any{1, rule})
	})
	Step("PATCH a rule, and set a property to null", func() {
		change := ionos.FirewallruleProperties{Name: Pointer("HTTP"), PortRangeStart: Pointer(int32(80)), PortRangeEnd: Pointer(int32(80))}
		change.SetSourceMacNil()
		_, response, err := api.FirewallRulesApi.DatacentersServersNicsFirewallrulesPatch(ctx, datacenter, server, nic, rule).Firewallrule(change).Execute()
		done(response, err)
		read := first(api.FirewallRulesApi.DatacentersServersNicsFirewallrulesFindById(ctx, datacenter, server, nic, rule).Execute()).Properties
		Equal([]any{*read.Name, *read.PortRangeStart, read.SourceMac}, []any{"HTTP", int32(80), (*string)(nil)})
	})
	Step("PUT a rule", func() {
		_, response, err := api.FirewallRulesApi.DatacentersServersNicsFirewallrulesPut(ctx, datacenter, server, nic, rule).Firewallrule(ionos.FirewallRule{
			Properties: &ionos.FirewallruleProperties{Name: Pointer("HTTPS"), PortRangeStart: Pointer(int32(443)), PortRangeEnd: Pointer(int32(443))},
		}).Execute()
		done(response, err)
		read := first(api.FirewallRulesApi.DatacentersServersNicsFirewallrulesFindById(ctx, datacenter, server, nic, rule).Execute()).Properties
		Equal([]any{*read.Name, *read.PortRangeEnd, *read.Protocol}, []any{"HTTPS", int32(443), "TCP"})
	})
	Step("create a group with rules", func() {
		made, response, err := api.SecurityGroupsApi.DatacentersSecuritygroupsPost(ctx, datacenter).SecurityGroup(ionos.SecurityGroupRequest{
			Properties: &ionos.SecurityGroupProperties{Name: Pointer("web"), Description: Pointer("from Go")},
			Entities: &ionos.SecurityGroupEntitiesRequest{Rules: &ionos.FirewallRules{Items: &[]ionos.FirewallRule{{
				Properties: &ionos.FirewallruleProperties{Protocol: Pointer("UDP"), PortRangeStart: Pointer(int32(53)), PortRangeEnd: Pointer(int32(53))},
			}}}},
		}).Execute()
		done(response, err)
		group = *made.Id
		read := first(api.SecurityGroupsApi.DatacentersSecuritygroupsFindById(ctx, datacenter, group).Depth(2).Execute())
		Equal([]any{*read.Properties.Name, len(*read.Entities.Rules.Items)}, []any{"web", 1})
	})
	Step("rules of a group: create, PUT, PATCH, delete", func() {
		rules := api.SecurityGroupsApi
		made, response, err := rules.DatacentersSecuritygroupsFirewallrulesPost(ctx, datacenter, group).FirewallRule(ionos.FirewallRule{
			Properties: &ionos.FirewallruleProperties{Protocol: Pointer("ICMPv6"), Type: Pointer("EGRESS")},
		}).Execute()
		done(response, err)
		_, response, err = rules.DatacentersSecuritygroupsRulesPut(ctx, datacenter, group, *made.Id).Rule(ionos.FirewallRule{
			Properties: &ionos.FirewallruleProperties{Name: Pointer("ping"), IcmpType: Pointer(int32(128))},
		}).Execute()
		done(response, err)
		_, response, err = rules.DatacentersSecuritygroupsRulesPatch(ctx, datacenter, group, *made.Id).Rule(ionos.FirewallruleProperties{IcmpCode: Pointer(int32(0))}).Execute()
		done(response, err)
		read := first(rules.DatacentersSecuritygroupsRulesFindById(ctx, datacenter, group, *made.Id).Execute()).Properties
		Equal([]any{*read.Name, *read.IcmpType, *read.IcmpCode, *read.Type, *read.IpVersion}, []any{"ping", int32(128), int32(0), "EGRESS", "IPv6"})
		listed := first(rules.DatacentersSecuritygroupsRulesGet(ctx, datacenter, group).Depth(1).Execute())
		Equal(len(*listed.Items), 2)
		response, err = rules.DatacentersSecuritygroupsFirewallrulesDelete(ctx, datacenter, group, *made.Id).Execute()
		done(response, err)
	})
	Step("PUT and PATCH a group keep its rules", func() {
		_, response, err := api.SecurityGroupsApi.DatacentersSecuritygroupsPut(ctx, datacenter, group).SecurityGroup(ionos.SecurityGroupRequest{
			Properties: &ionos.SecurityGroupProperties{Name: Pointer("web 2")},
		}).Execute()
		done(response, err)
		_, response, err = api.SecurityGroupsApi.DatacentersSecuritygroupsPatch(ctx, datacenter, group).SecurityGroup(ionos.SecurityGroupProperties{Description: Pointer("changed")}).Execute()
		done(response, err)
		read := first(api.SecurityGroupsApi.DatacentersSecuritygroupsFindById(ctx, datacenter, group).Depth(2).Execute())
		Equal([]any{*read.Properties.Name, *read.Properties.Description, len(*read.Entities.Rules.Items)}, []any{"web 2", "changed", 1})
	})
	Step("attach the group to the server and to the NIC, and detach it", func() {
		for _, ids := range [][]string{{group}, {}} {
			list := ionos.ListOfIds{Ids: &ids}
			_, response, err := api.SecurityGroupsApi.DatacentersServersSecuritygroupsPut(ctx, datacenter, server).Securitygroups(list).Execute()
			done(response, err)
			_, response, err = api.SecurityGroupsApi.DatacentersServersNicsSecuritygroupsPut(ctx, datacenter, server, nic).Securitygroups(list).Execute()
			done(response, err)
			read := first(api.SecurityGroupsApi.DatacentersSecuritygroupsFindById(ctx, datacenter, group).Depth(1).Execute())
			Equal([]int{len(*read.Entities.Servers.Items), len(*read.Entities.Nics.Items)}, []int{len(ids), len(ids)})
		}
	})
	Step("a group in use is not deleted", func() {
		_, response, err := api.SecurityGroupsApi.DatacentersServersSecuritygroupsPut(ctx, datacenter, server).Securitygroups(ionos.ListOfIds{Ids: &[]string{group}}).Execute()
		done(response, err)
		_, err = api.SecurityGroupsApi.DatacentersSecuritygroupsDelete(ctx, datacenter, group).Execute()
		Equal(status(err), 422)
		_, response, err = api.SecurityGroupsApi.DatacentersServersSecuritygroupsPut(ctx, datacenter, server).Securitygroups(ionos.ListOfIds{Ids: &[]string{}}).Execute()
		done(response, err)
	})
	Step("errors have their status and their text", func() {
		_, _, err := api.FirewallRulesApi.DatacentersServersNicsFirewallrulesPost(ctx, datacenter, server, nic).Firewallrule(ionos.FirewallRule{
			Properties: &ionos.FirewallruleProperties{Protocol: Pointer("TCP"), PortRangeStart: Pointer(int32(23)), PortRangeEnd: Pointer(int32(22))},
		}).Execute()
		Equal(status(err), 422)
		var failure ionos.GenericOpenAPIError
		errors.As(err, &failure)
		model, typed := failure.Model().(ionos.Error)
		That(typed && model.Messages != nil && *(*model.Messages)[0].ErrorCode == "100", fmt.Sprintf("%#v", failure.Model()))
		_, _, err = api.DataCentersApi.DatacentersFindById(ctx, "00000000-0000-4000-8000-000000000000").Execute()
		Equal(status(err), 404)
		_, _, err = api.DataCentersApi.DatacentersFindById(ctx, "0dc00000-0000-4000-8000-000000000002").Execute()
		Equal(status(err), 404)
		nobody := ionos.NewAPIClient(ionos.NewConfiguration("nobody", "guess", "", configuration.Servers[0].URL))
		_, _, err = nobody.DataCentersApi.DatacentersGet(ctx).Execute()
		Equal(status(err), 401)
	})
	Step("delete everything", func() {
		response, err := api.FirewallRulesApi.DatacentersServersNicsFirewallrulesDelete(ctx, datacenter, server, nic, rule).Execute()
		done(response, err)
		response, err = api.SecurityGroupsApi.DatacentersSecuritygroupsDelete(ctx, datacenter, group).Execute()
		done(response, err)
		response, err = api.ServersApi.DatacentersServersDelete(ctx, datacenter, server).Execute()
		done(response, err)
		response, err = api.LANsApi.DatacentersLansDelete(ctx, datacenter, lan).Execute()
		done(response, err)
		response, err = api.DataCentersApi.DatacentersDelete(ctx, datacenter).Execute()
		done(response, err)
		_, _, err = api.DataCentersApi.DatacentersFindById(ctx, datacenter).Execute()
		Equal(status(err), 404)
	})
}

func first[T any](value T, _ *ionos.APIResponse, err error) T { return Must(value, err) }
