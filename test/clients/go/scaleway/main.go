// Command scaleway drives the service through scaleway-sdk-go: with "workflow" the life of groups, rules and servers,
// with "errors" the requests that it reads, one JSON object a line, telling what the SDK made of each answer.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/scaleway/scaleway-sdk-go/api/instance/v1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	. "portcullis.example/clients/steps"
)

const zone = scw.ZoneFrPar1

func main() {
	if len(os.Args) == 2 && os.Args[1] == "errors" {
		decodeErrors()
		return
	}
	workflow(instance.NewAPI(Must(scw.NewClient(scw.WithEnv()))))
}

func ipNet(text string) scw.IPNet {
	_, parsed, err := net.ParseCIDR(text)
	Check(err)
	return scw.IPNet{IPNet: *parsed}
}

func workflow(api *instance.API) {
	var group *instance.SecurityGroup
	var rule *instance.SecurityGroupRule
	var server *instance.Server

	Step("create a group", func() {
		group = Must(api.CreateSecurityGroup(&instance.CreateSecurityGroupRequest{
			Zone: zone, Name: "from Go", Description: "web", Tags: []string{"a", "b"}, Stateful: true,
			InboundDefaultPolicy: instance.SecurityGroupPolicyDrop, OutboundDefaultPolicy: instance.SecurityGroupPolicyAccept,
		})).SecurityGroup
		Equal([]any{group.Name, group.Description, group.Tags, group.Stateful, group.InboundDefaultPolicy, group.State, group.EnableDefaultSecurity},
			[]any{"from Go", "web", []string{"a", "b"}, true, instance.SecurityGroupPolicyDrop, instance.SecurityGroupStateAvailable, true})
		That(group.CreationDate != nil && !group.CreationDate.IsZero(), "it has a date")
	})
	Step("a group without stateful is stateless", func() {
		made := Must(api.CreateSecurityGroup(&instance.CreateSecurityGroupRequest{Zone: zone, Name: "stateless"})).SecurityGroup
		Equal(made.Stateful, false)
		Check(api.DeleteSecurityGroup(&instance.DeleteSecurityGroupRequest{Zone: zone, SecurityGroupID: made.ID}))
	})
	Step("list groups, all pages", func() {
		for index := range 3 {
			Must(api.CreateSecurityGroup(&instance.CreateSecurityGroupRequest{Zone: zone, Name: fmt.Sprintf("page %d", index)}))
		}
		size := uint32(2)
		listed := Must(api.ListSecurityGroups(&instance.ListSecurityGroupsRequest{Zone: zone, Name: Pointer("page"), PerPage: &size}, scw.WithAllPages()))
		Equal([]any{len(listed.SecurityGroups), int(listed.TotalCount)}, []any{3, 3})
		everywhere := Must(api.ListSecurityGroups(&instance.ListSecurityGroupsRequest{}, scw.WithZones(api.Zones()...), scw.WithAllPages()))
		That(len(everywhere.SecurityGroups) >= 4, "all zones list what one has")
	})
	Step("get and update a group", func() {
		updated := Must(api.UpdateSecurityGroup(&instance.UpdateSecurityGroupRequest{
			Zone: zone, SecurityGroupID: group.ID, Stateful: Pointer(false), Tags: &[]string{}, EnableDefaultSecurity: Pointer(false),
		})).SecurityGroup
		Equal([]any{updated.Stateful, len(updated.Tags), updated.Description, updated.EnableDefaultSecurity}, []any{false, 0, "web", false})
		read := Must(api.GetSecurityGroup(&instance.GetSecurityGroupRequest{Zone: zone, SecurityGroupID: group.ID})).SecurityGroup
		Equal([]any{read.Stateful, read.Name}, []any{false, "from Go"})
	})
	Step("create a rule", func() {
		rule = Must(api.CreateSecurityGroupRule(&instance.CreateSecurityGroupRuleRequest{
			Zone: zone, SecurityGroupID: group.ID, Protocol: instance.SecurityGroupRuleProtocolTCP,
			Direction: instance.SecurityGroupRuleDirectionInbound, Action: instance.SecurityGroupRuleActionAccept,
			IPRange: ipNet("192.0.2.0/24"), DestPortFrom: Pointer(uint32(8000)), DestPortTo: Pointer(uint32(8080)),
		})).Rule
		Equal([]any{rule.Position, rule.Editable, *rule.DestPortFrom, *rule.DestPortTo, rule.IPRange.String()},
			[]any{uint32(1), true, uint32(8000), uint32(8080), "192.0.2.0/24"})
	})
	Step("get and update a rule", func() {
		updated := Must(api.UpdateSecurityGroupRule(&instance.UpdateSecurityGroupRuleRequest{
			Zone: zone, SecurityGroupID: group.ID, SecurityGroupRuleID: rule.ID,
			IPRange: Pointer(ipNet("2001:db8::/32")), DestPortTo: Pointer(uint32(0)),
		})).Rule
		Equal([]any{updated.IPRange.String(), *updated.DestPortFrom, updated.DestPortTo}, []any{"2001:db8::/32", uint32(8000), (*uint32)(nil)})
		read := Must(api.GetSecurityGroupRule(&instance.GetSecurityGroupRuleRequest{Zone: zone, SecurityGroupID: group.ID, SecurityGroupRuleID: rule.ID})).Rule
		Equal(read.IPRange.String(), "2001:db8::/32")
	})
	Step("replace all rules, keep one by its id", func() {
		accept := func(id *string, port uint32) *instance.SetSecurityGroupRulesRequestRule {
			return &instance.SetSecurityGroupRulesRequestRule{
				ID: id, Action: instance.SecurityGroupRuleActionAccept, Protocol: instance.SecurityGroupRuleProtocolTCP,
				Direction: instance.SecurityGroupRuleDirectionInbound, IPRange: ipNet("0.0.0.0/0"), DestPortFrom: &port,
			}
		}
		set := Must(api.SetSecurityGroupRules(&instance.SetSecurityGroupRulesRequest{
			Zone: zone, SecurityGroupID: group.ID,
			Rules: []*instance.SetSecurityGroupRulesRequestRule{accept(nil, 443), accept(&rule.ID, 22)},
		})).Rules
		Equal([]any{len(set), *set[0].DestPortFrom, *set[1].DestPortFrom, set[1].ID}, []any{2, uint32(443), uint32(22), rule.ID})
	})
	Step("list more rules than a page has", func() {
		rules := make([]*instance.SetSecurityGroupRulesRequestRule, 120)
		for index := range rules {
			rules[index] = &instance.SetSecurityGroupRulesRequestRule{
				Action: instance.SecurityGroupRuleActionDrop, Protocol: instance.SecurityGroupRuleProtocolUDP,
				Direction: instance.SecurityGroupRuleDirectionOutbound, IPRange: ipNet("0.0.0.0/0"), DestPortFrom: Pointer(uint32(index + 1)),
			}
		}
		Must(api.SetSecurityGroupRules(&instance.SetSecurityGroupRulesRequest{Zone: zone, SecurityGroupID: group.ID, Rules: rules}))
		listed := Must(api.ListSecurityGroupRules(&instance.ListSecurityGroupRulesRequest{Zone: zone, SecurityGroupID: group.ID}, scw.WithAllPages()))
		Equal(len(listed.Rules), 120)
		Equal(*listed.Rules[119].DestPortFrom, uint32(120))
		Check(api.DeleteSecurityGroupRule(&instance.DeleteSecurityGroupRuleRequest{Zone: zone, SecurityGroupID: group.ID, SecurityGroupRuleID: listed.Rules[0].ID}))
		listed = Must(api.ListSecurityGroupRules(&instance.ListSecurityGroupRulesRequest{Zone: zone, SecurityGroupID: group.ID}))
		Equal([]any{len(listed.Rules), listed.Rules[0].Position}, []any{119, uint32(1)})
	})
	Step("default rules", func() {
		Equal(len(Must(api.ListDefaultSecurityGroupRules(&instance.ListDefaultSecurityGroupRulesRequest{Zone: zone})).Rules), 6)
	})
	Step("create a server from an image's label, in the group", func() {
		server = Must(api.CreateServer(&instance.CreateServerRequest{
			Zone: zone, Name: "from Go", CommercialType: "DEV1-S", Image: Pointer("ubuntu_jammy"), SecurityGroup: &group.ID,
			DynamicIPRequired: Pointer(false),
		})).Server
		Equal([]any{server.SecurityGroup.ID, server.State}, []any{group.ID, instance.ServerStateStopped})
		That(server.Image != nil, "it has its image")
		held := Must(api.GetSecurityGroup(&instance.GetSecurityGroupRequest{Zone: zone, SecurityGroupID: group.ID})).SecurityGroup
		Equal(len(held.Servers), 1)
	})
	interval := 50 * time.Millisecond
	act := func(action instance.ServerAction) {
		Check(api.ServerActionAndWait(&instance.ServerActionAndWaitRequest{Zone: zone, ServerID: server.ID, Action: action, RetryInterval: &interval, Timeout: Pointer(time.Minute)}))
	}
	Step("start, reboot, stop, and wait for each", func() {
		for _, action := range []instance.ServerAction{
			instance.ServerActionPoweron, instance.ServerActionReboot, instance.ServerActionStopInPlace, instance.ServerActionPoweron, instance.ServerActionPoweroff,
		} {
			act(action)
		}
	})
	Step("a group in use is not deleted", func() {
		var precondition *scw.PreconditionFailedError
		err := api.DeleteSecurityGroup(&instance.DeleteSecurityGroupRequest{Zone: zone, SecurityGroupID: group.ID})
		That(errors.As(err, &precondition), fmt.Sprintf("%T", err))
		That(strings.HasSuffix(strings.ToLower(err.Error()), "group is in use. you cannot delete it."), err.Error())
	})
	Step("move the server to another group", func() {
		other := Must(api.ListSecurityGroups(&instance.ListSecurityGroupsRequest{Zone: zone, Name: Pointer("page 1")})).SecurityGroups[0]
		moved := Must(api.UpdateServer(&instance.UpdateServerRequest{Zone: zone, ServerID: server.ID, SecurityGroup: &instance.SecurityGroupTemplate{ID: other.ID, Name: "whatever"}})).Server
		Equal([]any{moved.SecurityGroup.ID, moved.SecurityGroup.Name}, []any{other.ID, "page 1"})
		listed := Must(api.ListServers(&instance.ListServersRequest{Zone: zone, Name: Pointer("from Go")}, scw.WithAllPages()))
		Equal([]any{len(listed.Servers), int(listed.TotalCount)}, []any{1, 1})
	})
	Step("delete the server and the group", func() {
		Check(api.DeleteServer(&instance.DeleteServerRequest{Zone: zone, ServerID: server.ID}))
		Check(api.DeleteSecurityGroup(&instance.DeleteSecurityGroupRequest{Zone: zone, SecurityGroupID: group.ID}))
		var missing *scw.ResourceNotFoundError
		_, err := api.GetSecurityGroup(&instance.GetSecurityGroupRequest{Zone: zone, SecurityGroupID: group.ID})
		That(errors.As(err, &missing), fmt.Sprintf("%T", err))
		Equal([]string{missing.Resource, missing.ResourceID}, []string{"instance_security_group", group.ID})
	})
	Step("invalid arguments have their names", func() {
		var invalid *scw.InvalidArgumentsError
		_, err := api.CreateSecurityGroup(&instance.CreateSecurityGroupRequest{Zone: zone, Name: strings.Repeat("x", 5000)})
		That(errors.As(err, &invalid), fmt.Sprintf("%T: %v", err, err))
		Equal(invalid.Details[0].ArgumentName, "name")
	})
}

// request is what the runner sends; answer what the SDK made of the service's answer to it.
type request struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	SecretKey   string `json:"secretKey"`
	Body        string `json:"body"`
	ContentType string `json:"contentType"`
}

type answer struct {
	// Go type of the error; "none" for success, "panic" for what no client survives.
	Type  string `json:"type"`
	Error string `json:"error"`
}

func decodeErrors() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var asked request
		Check(json.Unmarshal(lines.Bytes(), &asked))
		Write(ask(asked))
	}
	Check(lines.Err())
}

func ask(asked request) (told answer) {
	defer func() {
		if cause := recover(); cause != nil {
			told = answer{"panic", fmt.Sprint(cause)}
		}
	}()
	credentials := scw.WithoutAuth()
	if asked.SecretKey != "" {
		credentials = scw.WithAuth("SCWACME0000000000000", asked.SecretKey)
	}
	client := Must(scw.NewClient(scw.WithAPIURL(os.Getenv("SCW_API_URL")), credentials))
	wanted := &scw.ScalewayRequest{Method: asked.Method, Path: asked.Path, Headers: map[string][]string{}}
	if asked.Body != "" {
		wanted.Body = strings.NewReader(asked.Body)
		wanted.Headers.Set("Content-Type", asked.ContentType)
	}
	var result json.RawMessage
	if err := client.Do(wanted, &result); err != nil {
		// The text is what a person sees; making it is where a nil error panics.
		return answer{fmt.Sprintf("%T", err), err.Error()}
	}
	return answer{"none", ""}
}
