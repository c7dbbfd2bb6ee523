-- The rows of schema-13-sqlite.sql in PostgreSQL.
CREATE TABLE accounts (
    id text NOT NULL,
    name text NOT NULL,
    attributes text NOT NULL,
    origin text DEFAULT 'inventory'::text NOT NULL
);
CREATE TABLE attachments (
    server text NOT NULL,
    interface text NOT NULL,
    policy text NOT NULL,
    rank integer NOT NULL
);
CREATE TABLE audit (
    revision bigint NOT NULL,
    at bigint NOT NULL,
    account text NOT NULL,
    actor text NOT NULL,
    dialect text NOT NULL,
    request_id text NOT NULL,
    request text,
    operation text NOT NULL,
    resource text NOT NULL,
    id text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    server text,
    policy text,
    size bigint DEFAULT 0 NOT NULL,
    total bigint DEFAULT 0 NOT NULL
);
CREATE TABLE counted (
    interface text NOT NULL,
    since bigint NOT NULL
);
CREATE TABLE credentials (
    id text NOT NULL,
    account text NOT NULL,
    kind text NOT NULL,
    lookup text NOT NULL,
    hash text NOT NULL,
    scopes text NOT NULL,
    label text NOT NULL,
    attributes text NOT NULL
);
CREATE TABLE departures (
    interface text NOT NULL,
    host text NOT NULL,
    revision bigint NOT NULL
);
CREATE TABLE documents (
    account text NOT NULL,
    profile text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    body text NOT NULL,
    revision bigint NOT NULL,
    origin text DEFAULT 'api'::text NOT NULL
);
CREATE TABLE hit_sums (
    account text NOT NULL,
    policy text NOT NULL,
    decider text NOT NULL,
    packets bigint NOT NULL,
    bytes bigint NOT NULL,
    last_hit bigint
);
CREATE TABLE hits (
    interface text NOT NULL,
    direction text NOT NULL,
    decider text NOT NULL,
    packets bigint NOT NULL,
    bytes bigint NOT NULL,
    last_hit bigint,
    epochs text NOT NULL
);
CREATE TABLE hosts (
    host text NOT NULL,
    seen_at bigint NOT NULL,
    status text NOT NULL,
    counted_at bigint
);
CREATE TABLE installation (
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE interfaces (
    id text NOT NULL,
    server text NOT NULL,
    number integer NOT NULL,
    mac text NOT NULL,
    addresses text NOT NULL,
    type text NOT NULL,
    host text,
    device text,
    attributes text NOT NULL,
    allowed_addresses text DEFAULT '[]'::text NOT NULL,
    sender_check integer DEFAULT 1 NOT NULL,
    origin text DEFAULT 'api'::text NOT NULL,
    observe integer DEFAULT 0 NOT NULL,
    max_connections integer,
    vlan_trunk integer DEFAULT 0 NOT NULL,
    allowed_frames text DEFAULT '[]'::text NOT NULL
);
CREATE TABLE leases (
    first text NOT NULL COLLATE pg_catalog."C",
    last text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    account text NOT NULL,
    profile text NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    until bigint
);
CREATE TABLE outcomes (
    host text NOT NULL,
    interface text NOT NULL,
    settled integer NOT NULL,
    status text NOT NULL
);
CREATE TABLE policies (
    id text NOT NULL,
    account text NOT NULL,
    profile text NOT NULL,
    name text NOT NULL,
    server text,
    interface text,
    zone text NOT NULL,
    default_for text,
    created_at bigint NOT NULL,
    modified_at bigint NOT NULL,
    enabled integer NOT NULL,
    rule_order text NOT NULL,
    default_ingress text NOT NULL,
    default_egress text NOT NULL,
    stateful integer NOT NULL,
    filters text NOT NULL,
    applies_to text NOT NULL,
    guards text NOT NULL,
    built_in text,
    attributes text NOT NULL,
    revision bigint NOT NULL,
    log text,
    log_allowed text,
    cut_flows text
);
CREATE TABLE pools (
    name text NOT NULL,
    body text NOT NULL,
    next text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE revision (
    id integer NOT NULL,
    value bigint NOT NULL,
    CONSTRAINT revision_id_check CHECK ((id = 1))
);
CREATE TABLE rules (
    policy text NOT NULL,
    "position" integer NOT NULL,
    id text NOT NULL,
    direction text NOT NULL,
    action text NOT NULL,
    enabled integer NOT NULL,
    matches text NOT NULL,
    include text,
    interface integer,
    spec text NOT NULL,
    log text,
    since bigint
);
CREATE TABLE schema_version (
    version integer NOT NULL
);
CREATE TABLE servers (
    id text NOT NULL,
    account text NOT NULL,
    profile text NOT NULL,
    name text NOT NULL,
    number bigint,
    zone text NOT NULL,
    state text NOT NULL,
    next_state text,
    next_state_at bigint,
    created_at bigint NOT NULL,
    attributes text NOT NULL,
    revision bigint NOT NULL,
    origin text DEFAULT 'api'::text NOT NULL
);
INSERT INTO accounts VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'own', '{"cutFlows":"revoked"}', 'inventory');
INSERT INTO accounts VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'foreign', '{}', 'inventory');
INSERT INTO attachments VALUES ('00c0f0a0-0001-4000-8000-000000000001', '', 'dc2dc961-4990-86bf-a0d1-f902d44effc9', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0001-4000-8000-000000000002', '', '9c5c7ee4-c824-80d1-a87d-e85d689c78a5', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0002-4000-8000-000000000001', '', '84b90dd0-88d6-8eae-9e4b-4821fd8cf07c', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0002-4000-8000-000000000002', '', '5b0eade5-1c10-86c1-9c72-a18ffe93a43c', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0003-4000-8000-000000000001', '', '951eeb1c-ddcb-4f31-ab35-c27c14b10f54', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0003-4000-8000-000000000002', '', 'ffd2a75d-3b1f-4b09-914d-86db1efa3ec8', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0004-4000-8000-000000000001', '00c0f0a0-0004-4000-8000-000000000011', '00c0f0a0-0004-4000-8000-000000000011', 0);
INSERT INTO attachments VALUES ('00c0f0a0-0004-4000-8000-000000000002', '00c0f0a0-0004-4000-8000-000000000012', '00c0f0a0-0004-4000-8000-000000000012', 0);
INSERT INTO attachments VALUES ('56739114-f385-440a-9019-8e08822aa09f', '', '20ec793f-0849-4ea1-a83a-0f760dc79f85', 0);
INSERT INTO attachments VALUES ('71823143-6be9-40e3-adff-5dd6a067eac1', '64cb6824-f36b-4578-89e2-2c219de12cbf', '64cb6824-f36b-4578-89e2-2c219de12cbf', 0);
INSERT INTO attachments VALUES ('7c08f485-3665-493e-9d58-57afa2627b2c', '', '0fe9ee3f-8478-4b64-a331-864de2e32199', 0);
INSERT INTO attachments VALUES ('9ed427a3-aa99-4430-b81c-49c916b91d23', 'b5f6e274-d5e9-44b3-adc0-a047aad7e678', 'b5f6e274-d5e9-44b3-adc0-a047aad7e678', 0);
INSERT INTO attachments VALUES ('ab14a066-4be9-40ee-b4cd-2c54d0125d38', '', '951eeb1c-ddcb-4f31-ab35-c27c14b10f54', 0);
INSERT INTO attachments VALUES ('bdcc7568-07a9-427c-a720-de48d0e11a86', '', 'ffd2a75d-3b1f-4b09-914d-86db1efa3ec8', 0);
INSERT INTO audit VALUES (1, 1795704025576, '', 'inventory', 'system', '', NULL, 'inventory.apply', 'inventory', '', 'null', '["account own","account foreign","credential token 28daa606","credential token d964319a","credential acme","credential SCW0WN00000000000000","credential SCW0WN00000000000001","credential token 6c67163b","credential foreign","credential SCWF0RE1GN0000000000","datacenter 00c0f0a0-0004-4000-8000-0000000000a1","project 00c0f0a0-0003-4000-8000-0000000000a1","datacenter 00c0f0a0-0004-4000-8000-0000000000a2","project 00c0f0a0-0003-4000-8000-0000000000a2","server 00c0f0a0-0001-4000-8000-000000000001","server 00c0f0a0-0002-4000-8000-000000000001","server 00c0f0a0-0004-4000-8000-000000000001","server 00c0f0a0-0003-4000-8000-000000000001","server 00c0f0a0-0001-4000-8000-000000000002","server 00c0f0a0-0002-4000-8000-000000000002","server 00c0f0a0-0004-4000-8000-000000000002","server 00c0f0a0-0003-4000-8000-000000000002"]', NULL, NULL, 824, 824);
INSERT INTO audit VALUES (2, 1795704025978, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', 'aef3f6fe-901f-476f-80f1-42ca571e355d', NULL, 'policy.create', 'policy', '45ed8758-cc7b-4929-ae12-40f21723fe5c', 'null', '{"name":"g","attributes":{"project":"00c0f0a0-0003-4000-8000-0000000000a1","description":null,"tags":[]},"rules":[]}', NULL, '45ed8758-cc7b-4929-ae12-40f21723fe5c', 120, 944);
INSERT INTO audit VALUES (3, 1795704025995, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', '285bc9bd-d72a-4206-98c1-00c8cc8db007', NULL, 'rule.create', 'rule', '4dc06bd4-ab29-4076-8886-c1b7b8202e4e', 'null', '{"position":1,"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}', NULL, '45ed8758-cc7b-4929-ae12-40f21723fe5c', 138, 1082);
INSERT INTO audit VALUES (4, 1795704026006, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', 'b7c4e8c2-408c-4d5f-b541-1cb7c5525cdd', NULL, 'server.create', 'server', 'ab14a066-4be9-40ee-b4cd-2c54d0125d38', 'null', '{"name":"x","zone":"fr-par-1","state":"stopped","attributes":{"project":"00c0f0a0-0003-4000-8000-0000000000a1","commercial_type":"DEV1-S","image":null,"volumes":{"0":{"id":"54804860-e359-496b-bd8f-1d399067beba","volume_type":"l_ssd","boot":false},"1":{"id":"3fd72622-379d-4f91-b194-6b544c398861","volume_type":"sbs_volume","boot":false}}},"attached":["951eeb1c-ddcb-4f31-ab35-c27c14b10f54"]}', 'ab14a066-4be9-40ee-b4cd-2c54d0125d38', NULL, 395, 1477);
INSERT INTO audit VALUES (5, 1795704026031, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', '4a48b320-79d5-4874-83f6-69a52c3f990e', NULL, 'server.update', 'server', '00c0f0a0-0003-4000-8000-000000000001', '{"userData":null}', '{"userData":["cloud-init"]}', '00c0f0a0-0003-4000-8000-000000000001', NULL, 44, 1521);
INSERT INTO audit VALUES (6, 1795704026056, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', 'd6806874-5fc2-4cf2-b47a-6a52c03475a4', NULL, 'ip.create', 'ip-address', 'c92d42a2-d812-475d-b461-4c5ee9d463d0', '{"interfaces":{}}', '{"interfaces":{}}', NULL, NULL, 34, 1555);
INSERT INTO audit VALUES (7, 1795704026066, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'SCW0WN00000000000000', 'scaleway', '8893a69a-0c03-4694-bc10-6b458cc29972', NULL, 'project.put', 'document', '76ef1ecb-f8f6-4a6e-a54c-23bc266bad97', 'null', '{"name":"p","description":"","createdAt":1795704026066}', NULL, NULL, 59, 1614);
INSERT INTO audit VALUES (8, 1795704026070, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', '973e0e73-406a-4ce1-bb50-cfe99564f9f0', NULL, 'policy.create', 'policy', '11497e79-c3a3-4e35-a5a4-21239f9d7dfa', 'null', '{"name":"g","attributes":{"project":"00c0f0a0-0003-4000-8000-0000000000a2","description":null,"tags":[]},"rules":[]}', NULL, '11497e79-c3a3-4e35-a5a4-21239f9d7dfa', 120, 1734);
INSERT INTO audit VALUES (9, 1795704026075, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', 'a6ba4359-7ab8-4cf1-ae60-6af7fbd3d3a5', NULL, 'rule.create', 'rule', '279c48b8-566e-4036-95fc-299b32cc3042', 'null', '{"position":1,"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}', NULL, '11497e79-c3a3-4e35-a5a4-21239f9d7dfa', 138, 1872);
INSERT INTO audit VALUES (10, 1795704026078, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', '312aa981-aca9-41bd-bdd6-821573248a12', NULL, 'server.create', 'server', 'bdcc7568-07a9-427c-a720-de48d0e11a86', 'null', '{"name":"x","zone":"fr-par-1","state":"stopped","attributes":{"project":"00c0f0a0-0003-4000-8000-0000000000a2","commercial_type":"DEV1-S","image":null,"volumes":{"0":{"id":"47b4c5b2-9d59-46b2-ad95-b595f2a6a2c7","volume_type":"l_ssd","boot":false},"1":{"id":"3c83830c-c266-44a6-8ebe-b88f8a16bf65","volume_type":"sbs_volume","boot":false}}},"attached":["ffd2a75d-3b1f-4b09-914d-86db1efa3ec8"]}', 'bdcc7568-07a9-427c-a720-de48d0e11a86', NULL, 395, 2267);
INSERT INTO audit VALUES (11, 1795704026084, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', '85917e72-acf6-4b06-8730-9cb9debe4a22', NULL, 'server.update', 'server', '00c0f0a0-0003-4000-8000-000000000002', '{"userData":null}', '{"userData":["cloud-init"]}', '00c0f0a0-0003-4000-8000-000000000002', NULL, 44, 2311);
INSERT INTO audit VALUES (12, 1795704026089, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', 'd921ab42-81ab-4413-b204-10a0a5e40bd8', NULL, 'ip.create', 'ip-address', '2808a65b-66ac-4bad-8c3a-04a64e76a068', '{"interfaces":{}}', '{"interfaces":{}}', NULL, NULL, 34, 2345);
INSERT INTO audit VALUES (13, 1795704026094, '932511b5-a6f7-853f-941b-135cb5f6254d', 'SCWF0RE1GN0000000000', 'scaleway', '131f280e-100b-488a-9604-a713b00e8a90', NULL, 'project.put', 'document', 'b61e8790-0f55-4acb-a91b-e5aa06e683a4', 'null', '{"name":"p","description":"","createdAt":1795704026094}', NULL, NULL, 59, 2404);
INSERT INTO audit VALUES (14, 1795704026100, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', '818f9c4c-4ca1-4739-9da8-303cc9fdd40c', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/servers","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"n\",\"cores\":1,\"ram\":1024},\"entities\":{\"nics\":{\"items\":[{\"properties\":{\"lan\":5},\"entities\":{\"firewallrules\":{\"items\":[{\"properties\":{\"protocol\":\"TCP\",\"portRangeStart\":22,\"portRangeEnd\":22}}]},\"flowlogs\":{\"items\":[{\"properties\":{\"name\":\"f\",\"action\":\"ALL\",\"direction\":\"INGRESS\",\"bucket\":\"b\"}}]}}}]},\"volumes\":{\"items\":[{\"properties\":{\"name\":\"d\",\"size\":10,\"licenceType\":\"LINUX\"}}]}}}","targets":[{"id":"9ed427a3-aa99-4430-b81c-49c916b91d23","type":"server","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/servers/9ed427a3-aa99-4430-b81c-49c916b91d23"},{"id":"d2335a3d-3929-4d2d-a7f5-3aea11166358","type":"volume","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/volumes/d2335a3d-3929-4d2d-a7f5-3aea11166358"},{"id":"b5f6e274-d5e9-44b3-adc0-a047aad7e678","type":"nic","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/servers/9ed427a3-aa99-4430-b81c-49c916b91d23/nics/b5f6e274-d5e9-44b3-adc0-a047aad7e678"},{"id":"f47e82ba-0c0c-4597-89fa-41245ff89834","type":"firewall-rule","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/servers/9ed427a3-aa99-4430-b81c-49c916b91d23/nics/b5f6e274-d5e9-44b3-adc0-a047aad7e678/firewallrules/f47e82ba-0c0c-4597-89fa-41245ff89834"}],"bears":{"server":"9ed427a3-aa99-4430-b81c-49c916b91d23"}}', 'server.create', 'server', '9ed427a3-aa99-4430-b81c-49c916b91d23', 'null', '{"name":"n","type":"ENTERPRISE","cores":1,"ram":1024,"cpuFamily":"INTEL_SKYLAKE","meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"volumes":[{"id":"d2335a3d-3929-4d2d-a7f5-3aea11166358","deviceNumber":1,"pciSlot":5}],"counted":{"device":1,"pci":6},"nics":[{"name":null,"mac":"02:01:e0:5f:5b:77","ips":["10.8.0.2"],"dhcp":true,"ipv6Ips":[],"ipv6CidrBlock":null,"dhcpv6":null,"lan":5,"firewallActive":false,"firewallType":"INGRESS","deviceNumber":null,"pciSlot":6,"vnet":null}],"defaultGroup":null}', '9ed427a3-aa99-4430-b81c-49c916b91d23', NULL, 2243, 4647);
INSERT INTO audit VALUES (36, 1795704026319, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'upcloud', '48f75128-8018-41d7-bf37-61d1baad97a6', NULL, 'rule.create', 'rule', '5a1bbca2-436f-42c1-9c5b-bbb10c769d5e', 'null', '{"position":1,"action":"accept","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}', '00c0f0a0-0001-4000-8000-000000000001', 'dc2dc961-4990-86bf-a0d1-f902d44effc9', 326, 15788);
INSERT INTO audit VALUES (15, 1795704026157, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', 'ebcd7022-3373-4cf7-a6ef-fe67a529870d', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"g\"},\"entities\":{\"rules\":{\"items\":[{\"properties\":{\"protocol\":\"TCP\",\"portRangeStart\":22,\"portRangeEnd\":22}}]}}}","targets":[{"id":"ef80abec-1ecd-4655-b65e-c90514f677ce","type":"security-group","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/securitygroups/ef80abec-1ecd-4655-b65e-c90514f677ce"}],"bears":{"policy":"ef80abec-1ecd-4655-b65e-c90514f677ce"}}', 'policy.create', 'policy', 'ef80abec-1ecd-4655-b65e-c90514f677ce', 'null', '{"name":"g","description":null,"rules":[{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null}]}', NULL, 'ef80abec-1ecd-4655-b65e-c90514f677ce', 844, 5491);
INSERT INTO audit VALUES (16, 1795704026191, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', '642c428b-8bff-4cdf-bfee-0bb41087083f', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/ipblocks","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"location\":\"de/txl\",\"size\":1}}","targets":[{"id":"9c11b071-f44b-4609-a196-9d559c135d1b","type":"ipblock","path":"/ipblocks/9c11b071-f44b-4609-a196-9d559c135d1b"}],"bears":{}}', 'ipblock.put', 'document', '9c11b071-f44b-4609-a196-9d559c135d1b', 'null', '{"location":"de/txl","size":1,"ips":["198.18.0.12"],"meta":{"createdAt":1795704026191,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026191,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', NULL, NULL, 647, 6138);
INSERT INTO audit VALUES (17, 1795704026199, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', 'bd16e38c-4516-46c3-851e-2339a123f6d4', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/volumes","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"d\",\"size\":10,\"licenceType\":\"LINUX\"}}","targets":[{"id":"568fb119-4655-4d29-8b4c-198a231ca6a7","type":"volume","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a1/volumes/568fb119-4655-4d29-8b4c-198a231ca6a7"}],"bears":{}}', 'volume.create', 'storage', '568fb119-4655-4d29-8b4c-198a231ca6a7', 'null', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026199,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026199,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', NULL, NULL, 884, 7022);
INSERT INTO audit VALUES (18, 1795704026205, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', '32649688-78d2-4ab6-973d-21407802aaee', NULL, 'label.set', 'document', '00c0f0a0-0004-4000-8000-0000000000a1', 'null', '{"key":"own","value":"x"}', NULL, NULL, 29, 7051);
INSERT INTO audit VALUES (19, 1795704026211, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', 'c6983ad3-1870-4a42-8c5d-2d89e980c25b', NULL, 'label.set', 'server', '9ed427a3-aa99-4430-b81c-49c916b91d23', 'null', '{"key":"own","value":"x"}', '9ed427a3-aa99-4430-b81c-49c916b91d23', NULL, 29, 7080);
INSERT INTO audit VALUES (20, 1795704026215, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', '8c24bf5d-1a08-43fd-8ada-198c6a8a5595', NULL, 'label.set', 'storage', 'd2335a3d-3929-4d2d-a7f5-3aea11166358', 'null', '{"key":"own","value":"x"}', NULL, NULL, 29, 7109);
INSERT INTO audit VALUES (21, 1795704026220, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', 'a9bb9838-ed12-4016-8bfe-e11baf70786b', NULL, 'ipblock.put', 'document', '9c11b071-f44b-4609-a196-9d559c135d1b', '{"location":"de/txl","size":1,"ips":["198.18.0.12"],"meta":{"createdAt":1795704026191,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026191,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', '{"location":"de/txl","size":1,"ips":["198.18.0.12"],"meta":{"createdAt":1795704026191,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026191,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"labels":{"own":{"value":"x","meta":{"createdAt":1795704026220,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026220,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}}}', NULL, NULL, 843, 7952);
INSERT INTO audit VALUES (22, 1795704026234, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'ionos', '54ccb225-1a98-425c-a5df-c13615790ab9', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/pccs","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"p\"}}","targets":[{"id":"2217ebb6-cade-4d36-86fb-aeb8b30bb4a6","type":"pcc","path":"/pccs/2217ebb6-cade-4d36-86fb-aeb8b30bb4a6"}],"bears":{}}', 'pcc.put', 'document', '2217ebb6-cade-4d36-86fb-aeb8b30bb4a6', 'null', '{"name":"p","meta":{"createdAt":1795704026234,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026234,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', NULL, NULL, 575, 8527);
INSERT INTO audit VALUES (23, 1795704026240, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', '98d916d3-53ae-4c92-869f-513ee6a79d3b', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/servers","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"n\",\"cores\":1,\"ram\":1024},\"entities\":{\"nics\":{\"items\":[{\"properties\":{\"lan\":7},\"entities\":{\"firewallrules\":{\"items\":[{\"properties\":{\"protocol\":\"TCP\",\"portRangeStart\":22,\"portRangeEnd\":22}}]},\"flowlogs\":{\"items\":[{\"properties\":{\"name\":\"f\",\"action\":\"ALL\",\"direction\":\"INGRESS\",\"bucket\":\"b\"}}]}}}]},\"volumes\":{\"items\":[{\"properties\":{\"name\":\"d\",\"size\":10,\"licenceType\":\"LINUX\"}}]}}}","targets":[{"id":"71823143-6be9-40e3-adff-5dd6a067eac1","type":"server","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/servers/71823143-6be9-40e3-adff-5dd6a067eac1"},{"id":"9bb05a07-3cb5-4ed6-92c5-2f9083e903a4","type":"volume","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/volumes/9bb05a07-3cb5-4ed6-92c5-2f9083e903a4"},{"id":"64cb6824-f36b-4578-89e2-2c219de12cbf","type":"nic","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/servers/71823143-6be9-40e3-adff-5dd6a067eac1/nics/64cb6824-f36b-4578-89e2-2c219de12cbf"},{"id":"0568d3d1-6cc5-4515-93b4-9ec71eaa4b2e","type":"firewall-rule","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/servers/71823143-6be9-40e3-adff-5dd6a067eac1/nics/64cb6824-f36b-4578-89e2-2c219de12cbf/firewallrules/0568d3d1-6cc5-4515-93b4-9ec71eaa4b2e"}],"bears":{"server":"71823143-6be9-40e3-adff-5dd6a067eac1"}}', 'server.create', 'server', '71823143-6be9-40e3-adff-5dd6a067eac1', 'null', '{"name":"n","type":"ENTERPRISE","cores":1,"ram":1024,"cpuFamily":"INTEL_SKYLAKE","meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"volumes":[{"id":"9bb05a07-3cb5-4ed6-92c5-2f9083e903a4","deviceNumber":1,"pciSlot":5}],"counted":{"device":1,"pci":6},"nics":[{"name":null,"mac":"02:01:44:4c:39:b2","ips":["10.8.1.2"],"dhcp":true,"ipv6Ips":[],"ipv6CidrBlock":null,"dhcpv6":null,"lan":7,"firewallActive":false,"firewallType":"INGRESS","deviceNumber":null,"pciSlot":6,"vnet":null}],"defaultGroup":null}', '71823143-6be9-40e3-adff-5dd6a067eac1', NULL, 2243, 10770);
INSERT INTO audit VALUES (24, 1795704026254, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', 'f0583bca-1c7d-45a7-83cb-e12f4fcb8afa', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"g\"},\"entities\":{\"rules\":{\"items\":[{\"properties\":{\"protocol\":\"TCP\",\"portRangeStart\":22,\"portRangeEnd\":22}}]}}}","targets":[{"id":"3665f6c6-dac2-410b-8508-d16ff208259f","type":"security-group","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/securitygroups/3665f6c6-dac2-410b-8508-d16ff208259f"}],"bears":{"policy":"3665f6c6-dac2-410b-8508-d16ff208259f"}}', 'policy.create', 'policy', '3665f6c6-dac2-410b-8508-d16ff208259f', 'null', '{"name":"g","description":null,"rules":[{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null}]}', NULL, '3665f6c6-dac2-410b-8508-d16ff208259f', 844, 11614);
INSERT INTO audit VALUES (25, 1795704026260, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', 'd45c134b-6f31-434f-aa4c-b36cd23674e9', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/ipblocks","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"location\":\"de/txl\",\"size\":1}}","targets":[{"id":"7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8","type":"ipblock","path":"/ipblocks/7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8"}],"bears":{}}', 'ipblock.put', 'document', '7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8', 'null', '{"location":"de/txl","size":1,"ips":["198.18.0.13"],"meta":{"createdAt":1795704026260,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026260,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', NULL, NULL, 647, 12261);
INSERT INTO audit VALUES (26, 1795704026266, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', 'bf7669b0-2680-438c-a298-96af070a5394', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/volumes","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"d\",\"size\":10,\"licenceType\":\"LINUX\"}}","targets":[{"id":"460ae370-4082-4eb4-9649-00eac9e29af0","type":"volume","path":"/datacenters/00c0f0a0-0004-4000-8000-0000000000a2/volumes/460ae370-4082-4eb4-9649-00eac9e29af0"}],"bears":{}}', 'volume.create', 'storage', '460ae370-4082-4eb4-9649-00eac9e29af0', 'null', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026266,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026266,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', NULL, NULL, 884, 13145);
INSERT INTO audit VALUES (27, 1795704026270, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', '50253621-802d-4f1e-8e03-89d8fd9512b5', NULL, 'label.set', 'document', '00c0f0a0-0004-4000-8000-0000000000a2', 'null', '{"key":"foreign","value":"x"}', NULL, NULL, 33, 13178);
INSERT INTO audit VALUES (28, 1795704026273, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', '84782113-daf0-4137-9456-8c3ca18b8130', NULL, 'label.set', 'server', '71823143-6be9-40e3-adff-5dd6a067eac1', 'null', '{"key":"foreign","value":"x"}', '71823143-6be9-40e3-adff-5dd6a067eac1', NULL, 33, 13211);
INSERT INTO audit VALUES (29, 1795704026277, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', '889d0838-2d11-4d19-a51f-8f2a5219f42d', NULL, 'label.set', 'storage', '9bb05a07-3cb5-4ed6-92c5-2f9083e903a4', 'null', '{"key":"foreign","value":"x"}', NULL, NULL, 33, 13244);
INSERT INTO audit VALUES (30, 1795704026280, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', 'f29cd986-c21d-4b69-8479-f3999aedb89a', NULL, 'ipblock.put', 'document', '7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8', '{"location":"de/txl","size":1,"ips":["198.18.0.13"],"meta":{"createdAt":1795704026260,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026260,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', '{"location":"de/txl","size":1,"ips":["198.18.0.13"],"meta":{"createdAt":1795704026260,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026260,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"labels":{"foreign":{"value":"x","meta":{"createdAt":1795704026280,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026280,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}}}', NULL, NULL, 847, 14091);
INSERT INTO audit VALUES (31, 1795704026288, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'ionos', 'a59b558d-85af-49bc-9617-22a1044554ab', '{"method":"POST","url":"http://127.0.0.1:37597/cloudapi/v6/pccs","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"p\"}}","targets":[{"id":"17c2a3ba-f39f-499c-a96a-4e7992bb7ea8","type":"pcc","path":"/pccs/17c2a3ba-f39f-499c-a96a-4e7992bb7ea8"}],"bears":{}}', 'pcc.put', 'document', '17c2a3ba-f39f-499c-a96a-4e7992bb7ea8', 'null', '{"name":"p","meta":{"createdAt":1795704026288,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026288,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', NULL, NULL, 575, 14666);
INSERT INTO audit VALUES (32, 1795704026293, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'hostup', '4a02c6ff-8c94-4c1d-b5c2-a09c852eb6b7', NULL, 'rule.create', 'rule', 'b8ce5a2b-89f8-41e0-8d47-ef783aae08c1', 'null', '{"position":1,"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22"}', '00c0f0a0-0002-4000-8000-000000000001', '84b90dd0-88d6-8eae-9e4b-4821fd8cf07c', 86, 14752);
INSERT INTO audit VALUES (33, 1795704026301, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'hostup', 'e0082cee-745b-425d-a431-4a254be4e1bf', NULL, 'policy.create', 'policy', '0b2326fb-305c-487d-9f2b-8696d1eac852', 'null', '{"name":"own","attributes":{"description":null,"is_system":false,"created_at":"2026-11-26T14:40:26.301Z","updated_at":"2026-11-26T14:40:26.301Z"},"rules":[{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","created_at":"2026-11-26T14:40:26.301Z","updated_at":"2026-11-26T14:40:26.301Z"}]}', NULL, '0b2326fb-305c-487d-9f2b-8696d1eac852', 310, 15062);
INSERT INTO audit VALUES (34, 1795704026309, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'hostup', 'e739876b-ed48-4689-80da-adb2118de8cd', NULL, 'rule.create', 'rule', '31e0ced7-833e-4571-9c12-d52f35191770', 'null', '{"position":1,"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22"}', '00c0f0a0-0002-4000-8000-000000000002', '5b0eade5-1c10-86c1-9c72-a18ffe93a43c', 86, 15148);
INSERT INTO audit VALUES (35, 1795704026313, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'hostup', '493bf0b4-9d16-4e8d-a4ca-15f91a0c56e9', NULL, 'policy.create', 'policy', '77990939-1263-4e3f-88ae-b7aff7f3c4dd', 'null', '{"name":"foreign","attributes":{"description":null,"is_system":false,"created_at":"2026-11-26T14:40:26.313Z","updated_at":"2026-11-26T14:40:26.313Z"},"rules":[{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","created_at":"2026-11-26T14:40:26.313Z","updated_at":"2026-11-26T14:40:26.313Z"}]}', NULL, '77990939-1263-4e3f-88ae-b7aff7f3c4dd', 314, 15462);
INSERT INTO audit VALUES (37, 1795704026325, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'upcloud', 'c07262bb-381d-4477-815c-0d3547ecfcfb', NULL, 'server.create', 'server', '7c08f485-3665-493e-9d58-57afa2627b2c', 'null', '{"name":"x","zone":"fi-hel1","state":"maintenance","attributes":{"remote_access_password":"0-8FiZlb","core_number":1,"memory_amount":1024,"hostname":"x","disks":[{"address":"virtio:0","boot_disk":"0","part_of_plan":"yes","storage":"079f9342-d73c-4245-88b2-aab1a3123d97","storage_encrypted":"no","storage_size":10,"storage_tier":"maxiops","storage_title":"d","type":"disk"}]},"attached":[]}', '7c08f485-3665-493e-9d58-57afa2627b2c', NULL, 393, 16181);
INSERT INTO audit VALUES (38, 1795704026335, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'upcloud', 'a2b7bf87-48a2-45a3-91b6-cffb03f3dd5d', NULL, 'tags.put', 'document', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'null', '{"tags":[{"name":"own","description":"","servers":[]}]}', NULL, NULL, 59, 16240);
INSERT INTO audit VALUES (39, 1795704026340, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'upcloud', '0c182cab-a1fc-4637-ae4b-65381fe31e73', NULL, 'rule.create', 'rule', '4ffe8fa6-781e-4a7e-a4db-f8585617fce4', 'null', '{"position":1,"action":"accept","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}', '00c0f0a0-0001-4000-8000-000000000002', '9c5c7ee4-c824-80d1-a87d-e85d689c78a5', 326, 16566);
INSERT INTO audit VALUES (40, 1795704026345, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'upcloud', 'beaabc71-59a0-48ff-a12d-80574183eb98', NULL, 'server.create', 'server', '56739114-f385-440a-9019-8e08822aa09f', 'null', '{"name":"x","zone":"fi-hel1","state":"maintenance","attributes":{"remote_access_password":"kdh7thgT","core_number":1,"memory_amount":1024,"hostname":"x","disks":[{"address":"virtio:0","boot_disk":"0","part_of_plan":"yes","storage":"704a7e73-d5a5-4df5-b695-fee13ad74996","storage_encrypted":"no","storage_size":10,"storage_tier":"maxiops","storage_title":"d","type":"disk"}]},"attached":[]}', '56739114-f385-440a-9019-8e08822aa09f', NULL, 393, 16959);
INSERT INTO audit VALUES (41, 1795704026351, '932511b5-a6f7-853f-941b-135cb5f6254d', 'token 6c67163b', 'upcloud', 'f5bd2a55-d406-4eb4-9212-fe62b6618821', NULL, 'tags.put', 'document', '932511b5-a6f7-853f-941b-135cb5f6254d', 'null', '{"tags":[{"name":"foreign","description":"","servers":[]}]}', NULL, NULL, 63, 17022);
INSERT INTO audit VALUES (42, 1795704026371, '', 'inventory', 'system', '', NULL, 'inventory.apply', 'inventory', '', 'null', '["server 00c0f0a0-0001-4000-8000-000000000001"]', NULL, NULL, 51, 17073);
INSERT INTO audit VALUES (43, 1795704026513, '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token 28daa606', 'native', 'c9be2215-f4a8-4440-a0f9-c219fb5cc26f', NULL, 'account.update', 'account', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', '{"cutFlows":null}', '{"cutFlows":"revoked"}', NULL, NULL, 39, 17112);
INSERT INTO counted VALUES ('dc8b4d69-9d87-8614-ab3d-92bd779ba6bd', 1795704025601);
INSERT INTO credentials VALUES ('439fa60d-53a2-8174-abb2-b95e0eead604', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token', '28daa606f54b368209e11244fd3d5612b41212e822258df22e55afe06a7bdae1', '28daa606f54b368209e11244fd3d5612b41212e822258df22e55afe06a7bdae1', '[]', 'token 28daa606', '{}');
INSERT INTO credentials VALUES ('02272474-7ab2-8c3f-9cbf-7de259889264', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'token', 'd964319ad9a88c527e60c0a38bf48f460a83e7eb83ba6142301b732d04365084', 'd964319ad9a88c527e60c0a38bf48f460a83e7eb83ba6142301b732d04365084', '["read"]', 'token d964319a', '{}');
INSERT INTO credentials VALUES ('b7b74904-5753-82e4-9a95-b892b45b363b', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'password', 'acme', 'scrypt$16384$8$1$25xeVrYS+rXea/KMJrYYFw==$wx54tFRSAdwx+8mFQDDORKwSHp1rMIpBQHWHjCwbems=', '[]', 'acme', '{}');
INSERT INTO credentials VALUES ('36813754-e431-8003-ba22-59a787670f6f', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'secret-key', 'cb3df78b5909ace9fb540b7787350a25ed14b28974e4dc0d85a3896e76e76f34', 'cb3df78b5909ace9fb540b7787350a25ed14b28974e4dc0d85a3896e76e76f34', '[]', 'SCW0WN00000000000000', '{"accessKey":"SCW0WN00000000000000"}');
INSERT INTO credentials VALUES ('ead181b6-ce06-8f54-90f7-2790703c3bab', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'secret-key', '637c8c639782dc2fd7a6ff8fd8c2fc9679c8b21a74f623a21eab7cf72f38a6cf', '637c8c639782dc2fd7a6ff8fd8c2fc9679c8b21a74f623a21eab7cf72f38a6cf', '["read"]', 'SCW0WN00000000000001', '{"accessKey":"SCW0WN00000000000001"}');
INSERT INTO credentials VALUES ('e3c38520-db98-8917-8666-98718c3193e5', '932511b5-a6f7-853f-941b-135cb5f6254d', 'token', '6c67163bbed989f232b31acc4f04df54b31285bfc01bd022c735b71e041a4754', '6c67163bbed989f232b31acc4f04df54b31285bfc01bd022c735b71e041a4754', '[]', 'token 6c67163b', '{}');
INSERT INTO credentials VALUES ('7b96fe8b-f08a-841a-b124-a4c2b79f6031', '932511b5-a6f7-853f-941b-135cb5f6254d', 'password', 'foreign', 'scrypt$16384$8$1$3WPkCvO6ZEdC9jKEbcZAEA==$KqsS6Ot4YiIpetSiFoXOMNr5Aul/gTXfnt3RU6HE2i4=', '[]', 'foreign', '{}');
INSERT INTO credentials VALUES ('42b6d5f8-015d-8304-b648-4b889aab6132', '932511b5-a6f7-853f-941b-135cb5f6254d', 'secret-key', '0fea71d96eaf4ebdde57301501b77817f20bc19def34ebdfded7217d4540b5b6', '0fea71d96eaf4ebdde57301501b77817f20bc19def34ebdfded7217d4540b5b6', '[]', 'SCWF0RE1GN0000000000', '{"accessKey":"SCWF0RE1GN0000000000"}');
INSERT INTO departures VALUES ('dc8b4d69-9d87-8614-ab3d-92bd779ba6bd', 'local', 42);
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'datacenter', '00c0f0a0-0004-4000-8000-0000000000a1', '{"createdAt":1795704025576,"name":"00c0f0a0-0004-4000-8000-0000000000a1","location":"de/txl","labels":{"own":{"value":"x","meta":{"createdAt":1795704026205,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026205,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}}}', 20, 'inventory');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'project', '00c0f0a0-0003-4000-8000-0000000000a1', '{"description":"","createdAt":1795704025576,"name":"default"}', 6, 'inventory');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'datacenter', '00c0f0a0-0004-4000-8000-0000000000a2', '{"createdAt":1795704025576,"name":"00c0f0a0-0004-4000-8000-0000000000a2","location":"de/txl","labels":{"foreign":{"value":"x","meta":{"createdAt":1795704026270,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026270,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}}}', 29, 'inventory');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'project', '00c0f0a0-0003-4000-8000-0000000000a2', '{"description":"","createdAt":1795704025576,"name":"default"}', 12, 'inventory');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'volume', '54804860-e359-496b-bd8f-1d399067beba', '{"name":"x-volume-0","type":"l_ssd","size":10000000000,"zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a1","server":"ab14a066-4be9-40ee-b4cd-2c54d0125d38","createdAt":1795704026006,"attachedAt":1795704026006}', 4, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'volume', '3fd72622-379d-4f91-b194-6b544c398861', '{"name":"x-volume-1","type":"sbs_volume","size":10000000000,"zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a1","server":"ab14a066-4be9-40ee-b4cd-2c54d0125d38","createdAt":1795704026006,"attachedAt":1795704026006}', 4, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'user-data', '00c0f0a0-0003-4000-8000-000000000001/cloud-init', '{"base64":"e30="}', 5, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'ip', 'c92d42a2-d812-475d-b461-4c5ee9d463d0', '{"type":"routed_ipv4","address":"198.18.0.10","zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a1","tags":[],"createdAt":1795704026056,"server":null,"interface":null,"host":null}', 6, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'project', '76ef1ecb-f8f6-4a6e-a54c-23bc266bad97', '{"name":"p","description":"","createdAt":1795704026066}', 7, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'volume', '47b4c5b2-9d59-46b2-ad95-b595f2a6a2c7', '{"name":"x-volume-0","type":"l_ssd","size":10000000000,"zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a2","server":"bdcc7568-07a9-427c-a720-de48d0e11a86","createdAt":1795704026078,"attachedAt":1795704026078}', 10, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'volume', '3c83830c-c266-44a6-8ebe-b88f8a16bf65', '{"name":"x-volume-1","type":"sbs_volume","size":10000000000,"zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a2","server":"bdcc7568-07a9-427c-a720-de48d0e11a86","createdAt":1795704026078,"attachedAt":1795704026078}', 10, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'user-data', '00c0f0a0-0003-4000-8000-000000000002/cloud-init', '{"base64":"e30="}', 11, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'ip', '2808a65b-66ac-4bad-8c3a-04a64e76a068', '{"type":"routed_ipv4","address":"198.18.0.11","zone":"fr-par-1","project":"00c0f0a0-0003-4000-8000-0000000000a2","tags":[],"createdAt":1795704026089,"server":null,"interface":null,"host":null}', 12, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'project', 'b61e8790-0f55-4acb-a91b-e5aa06e683a4', '{"name":"p","description":"","createdAt":1795704026094}', 13, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'volume', '00c0f0a0-0004-4000-8000-0000000000a1/d2335a3d-3929-4d2d-a7f5-3aea11166358', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"server":"9ed427a3-aa99-4430-b81c-49c916b91d23","labels":{"own":{"value":"x","meta":{"createdAt":1795704026215,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026215,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}}}', 20, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'lan', '00c0f0a0-0004-4000-8000-0000000000a1/5', '{"ipv4":"10.8.0.0/24","meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 14, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'ipblock', '9c11b071-f44b-4609-a196-9d559c135d1b', '{"location":"de/txl","size":1,"ips":["198.18.0.12"],"meta":{"createdAt":1795704026191,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026191,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"labels":{"own":{"value":"x","meta":{"createdAt":1795704026220,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026220,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}}}', 21, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'volume', '00c0f0a0-0004-4000-8000-0000000000a1/568fb119-4655-4d29-8b4c-198a231ca6a7', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026199,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026199,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 17, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'pcc', '2217ebb6-cade-4d36-86fb-aeb8b30bb4a6', '{"name":"p","meta":{"createdAt":1795704026234,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026234,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 22, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'volume', '00c0f0a0-0004-4000-8000-0000000000a2/9bb05a07-3cb5-4ed6-92c5-2f9083e903a4', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"server":"71823143-6be9-40e3-adff-5dd6a067eac1","labels":{"foreign":{"value":"x","meta":{"createdAt":1795704026277,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026277,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}}}', 29, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'lan', '00c0f0a0-0004-4000-8000-0000000000a2/7', '{"ipv4":"10.8.1.0/24","meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', 23, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'ipblock', '7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8', '{"location":"de/txl","size":1,"ips":["198.18.0.13"],"meta":{"createdAt":1795704026260,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026260,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"labels":{"foreign":{"value":"x","meta":{"createdAt":1795704026280,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026280,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}}}', 30, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'volume', '00c0f0a0-0004-4000-8000-0000000000a2/460ae370-4082-4eb4-9649-00eac9e29af0', '{"cpuHotPlug":false,"ramHotPlug":false,"nicHotPlug":false,"nicHotUnplug":false,"discVirtioHotPlug":false,"discVirtioHotUnplug":false,"name":"d","size":10,"licenceType":"LINUX","meta":{"createdAt":1795704026266,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026266,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', 26, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'pcc', '17c2a3ba-f39f-499c-a96a-4e7992bb7ea8', '{"name":"p","meta":{"createdAt":1795704026288,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026288,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', 31, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', 'storage', '079f9342-d73c-4245-88b2-aab1a3123d97', '{"title":"d","size":10,"tier":"maxiops","zone":"fi-hel1","server":"7c08f485-3665-493e-9d58-57afa2627b2c"}', 37, 'api');
INSERT INTO documents VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', 'tags', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', '{"tags":[{"name":"own","description":"","servers":[]}]}', 38, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', 'storage', '704a7e73-d5a5-4df5-b695-fee13ad74996', '{"title":"d","size":10,"tier":"maxiops","zone":"fi-hel1","server":"56739114-f385-440a-9019-8e08822aa09f"}', 40, 'api');
INSERT INTO documents VALUES ('932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', 'tags', '932511b5-a6f7-853f-941b-135cb5f6254d', '{"tags":[{"name":"foreign","description":"","servers":[]}]}', 41, 'api');
INSERT INTO hit_sums VALUES ('7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'dc2dc961-4990-86bf-a0d1-f902d44effc9', 'rule dc2dc961-4990-86bf-a0d1-f902d44effc9 5a1bbca2-436f-42c1-9c5b-bbb10c769d5e', 7, 700, 1795704026601);
INSERT INTO hits VALUES ('dc8b4d69-9d87-8614-ab3d-92bd779ba6bd', 'ingress', 'rule dc2dc961-4990-86bf-a0d1-f902d44effc9 5a1bbca2-436f-42c1-9c5b-bbb10c769d5e', 7, 700, 1795704026601, '[{"epoch":"e1","packets":7,"bytes":700,"at":1795704026601}]');
INSERT INTO hosts VALUES ('local', 1795704026599, '{"target":"nftables","observe":false,"desiredRevision":9,"appliedRevision":9,"state":"applied","error":null,"repairs":0,"warnings":[],"usual":{"appliedRevision":null,"state":"applied","error":null,"notes":[]}}', 1795704026601);
INSERT INTO installation VALUES ('departures-since', '0');
INSERT INTO installation VALUES ('datacenter-ipv6', 'fd84:45ff:69e6::/48');
INSERT INTO installation VALUES ('quarantine-ms', '86400000');
INSERT INTO interfaces VALUES ('e8b1a823-34a4-8f9b-91d5-4023e0fd5ec2', '00c0f0a0-0002-4000-8000-000000000001', 1, '52:54:00:8d:d3:8a', '["192.0.2.11"]', 'public', 'local', 'tap1', '{}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('00c0f0a0-0004-4000-8000-000000000011', '00c0f0a0-0004-4000-8000-000000000001', 1, '52:54:00:44:7a:35', '["192.0.2.13"]', 'public', 'other', 'tap2', '{"lan":1,"firewallActive":true}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('c034ad75-541f-8b2c-851d-461817253c89', '00c0f0a0-0003-4000-8000-000000000001', 1, '52:54:00:d2:d5:91', '["192.0.2.12"]', 'public', 'local', 'tap3', '{}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('d13ff094-fbbc-887a-ab67-96757ad4f991', '00c0f0a0-0001-4000-8000-000000000002', 1, '52:54:00:ed:be:21', '["192.0.2.20"]', 'public', 'local', 'tap4', '{}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('88965727-4d8e-8b1e-b75c-20b9149b977a', '00c0f0a0-0002-4000-8000-000000000002', 1, '52:54:00:a3:94:41', '["192.0.2.21"]', 'public', 'other', 'tap5', '{}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('00c0f0a0-0004-4000-8000-000000000012', '00c0f0a0-0004-4000-8000-000000000002', 1, '52:54:00:a7:e3:6b', '["192.0.2.23"]', 'public', 'local', 'tap6', '{"lan":1,"firewallActive":true}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('f2265ff3-a0f6-812b-b93b-a99b0405b746', '00c0f0a0-0003-4000-8000-000000000002', 1, '52:54:00:23:9e:4b', '["192.0.2.22"]', 'public', 'local', 'tap7', '{}', '[]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('e4c2daff-8786-4d16-86dc-7b0446d8b650', 'ab14a066-4be9-40ee-b4cd-2c54d0125d38', 1, 'de:00:00:16:94:ef', '[]', 'public', NULL, NULL, '{}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('6c78e06c-27d4-4f6b-a217-97251a1991fb', 'bdcc7568-07a9-427c-a720-de48d0e11a86', 1, 'de:00:00:eb:b5:80', '[]', 'public', NULL, NULL, '{}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('b5f6e274-d5e9-44b3-adc0-a047aad7e678', '9ed427a3-aa99-4430-b81c-49c916b91d23', 1, '02:01:e0:5f:5b:77', '["10.8.0.2"]', 'private', NULL, NULL, '{"flowLogs":[{"id":"3875676e-d9f6-4861-b362-c8a2a93645f3","name":"f","action":"ALL","direction":"INGRESS","bucket":"b","meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}],"meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"lan":5,"pciSlot":6}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('64cb6824-f36b-4578-89e2-2c219de12cbf', '71823143-6be9-40e3-adff-5dd6a067eac1', 1, '02:01:44:4c:39:b2', '["10.8.1.2"]', 'private', NULL, NULL, '{"flowLogs":[{"id":"945ac050-c4a7-4a00-b48f-54f75822bbdb","name":"f","action":"ALL","direction":"INGRESS","bucket":"b","meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}],"meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"lan":7,"pciSlot":6}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('6bd58059-0d8f-40c1-bfd2-ac9f33204c76', '7c08f485-3665-493e-9d58-57afa2627b2c', 1, 'fa:a7:bb:bb:a3:77', '[]', 'private', NULL, NULL, '{}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('24940df4-5b6b-41bb-9c8f-b21548744eb8', '56739114-f385-440a-9019-8e08822aa09f', 1, '22:7b:83:8e:a5:93', '[]', 'private', NULL, NULL, '{}', '[]', 1, 'api', 0, NULL, 0, '[]');
INSERT INTO interfaces VALUES ('dc8b4d69-9d87-8614-ab3d-92bd779ba6bd', '00c0f0a0-0001-4000-8000-000000000001', 1, '52:54:00:8e:67:21', '["192.0.2.10"]', 'public', 'third', 'tap0', '{}', '["198.51.100.0/24"]', 1, 'inventory', 0, NULL, 0, '[]');
INSERT INTO leases VALUES ('40a080000', '40a0800ff', '10.8.0.0/24', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'held', 'lan', '00c0f0a0-0004-4000-8000-0000000000a1/5', NULL);
INSERT INTO leases VALUES ('40a080100', '40a0801ff', '10.8.1.0/24', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'held', 'lan', '00c0f0a0-0004-4000-8000-0000000000a2/7', NULL);
INSERT INTO leases VALUES ('4c612000a', '4c612000a', '198.18.0.10', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'held', 'ip', 'c92d42a2-d812-475d-b461-4c5ee9d463d0', NULL);
INSERT INTO leases VALUES ('4c612000b', '4c612000b', '198.18.0.11', '932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'held', 'ip', '2808a65b-66ac-4bad-8c3a-04a64e76a068', NULL);
INSERT INTO leases VALUES ('4c612000c', '4c612000c', '198.18.0.12', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'held', 'ipblock', '9c11b071-f44b-4609-a196-9d559c135d1b', NULL);
INSERT INTO leases VALUES ('4c612000d', '4c612000d', '198.18.0.13', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'held', 'ipblock', '7ff4160f-ce27-4c79-a57f-9ffe7db8f1e8', NULL);
INSERT INTO outcomes VALUES ('local', 'dc8b4d69-9d87-8614-ab3d-92bd779ba6bd', 0, '{"appliedRevision":null,"state":"failing","error":"no such device","notes":[]}');
INSERT INTO policies VALUES ('dc2dc961-4990-86bf-a0d1-f902d44effc9', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', '', '00c0f0a0-0001-4000-8000-000000000001', NULL, '', NULL, 1795704025576, 1795704026319, 1, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('84b90dd0-88d6-8eae-9e4b-4821fd8cf07c', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'hostup', '', '00c0f0a0-0002-4000-8000-000000000001', NULL, '', NULL, 1795704025577, 1795704026293, 0, 'first-match', 'deny', 'allow', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}', NULL, '{}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('00c0f0a0-0004-4000-8000-000000000011', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', '', '00c0f0a0-0004-4000-8000-000000000001', '00c0f0a0-0004-4000-8000-000000000011', '', NULL, 1795704025576, 1795704025576, 1, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('951eeb1c-ddcb-4f31-ab35-c27c14b10f54', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'Default security group', NULL, NULL, 'fr-par-1', '00c0f0a0-0003-4000-8000-0000000000a1 fr-par-1', 1795704025579, 1795704025579, 1, 'first-match', 'allow', 'allow', 1, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"description":"Auto generated security group.","tags":[],"project":"00c0f0a0-0003-4000-8000-0000000000a1"}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('9c5c7ee4-c824-80d1-a87d-e85d689c78a5', '932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', '', '00c0f0a0-0001-4000-8000-000000000002', NULL, '', NULL, 1795704025580, 1795704026340, 1, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 39, NULL, NULL, NULL);
INSERT INTO policies VALUES ('5b0eade5-1c10-86c1-9c72-a18ffe93a43c', '932511b5-a6f7-853f-941b-135cb5f6254d', 'hostup', '', '00c0f0a0-0002-4000-8000-000000000002', NULL, '', NULL, 1795704025581, 1795704026309, 0, 'first-match', 'deny', 'allow', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}', NULL, '{}', 34, NULL, NULL, NULL);
INSERT INTO policies VALUES ('00c0f0a0-0004-4000-8000-000000000012', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', '', '00c0f0a0-0004-4000-8000-000000000002', '00c0f0a0-0004-4000-8000-000000000012', '', NULL, 1795704025576, 1795704025576, 1, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 1, NULL, NULL, NULL);
INSERT INTO policies VALUES ('ffd2a75d-3b1f-4b09-914d-86db1efa3ec8', '932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'Default security group', NULL, NULL, 'fr-par-1', '00c0f0a0-0003-4000-8000-0000000000a2 fr-par-1', 1795704025583, 1795704025583, 1, 'first-match', 'allow', 'allow', 1, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"description":"Auto generated security group.","tags":[],"project":"00c0f0a0-0003-4000-8000-0000000000a2"}', 1, NULL, NULL, NULL);
INSERT INTO policies VALUES ('45ed8758-cc7b-4929-ae12-40f21723fe5c', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'g', NULL, NULL, 'fr-par-1', NULL, 1795704025978, 1795704025995, 1, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"project":"00c0f0a0-0003-4000-8000-0000000000a1","description":null,"tags":[]}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('11497e79-c3a3-4e35-a5a4-21239f9d7dfa', '932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'g', NULL, NULL, 'fr-par-1', NULL, 1795704026070, 1795704026075, 1, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"project":"00c0f0a0-0003-4000-8000-0000000000a2","description":null,"tags":[]}', 9, NULL, NULL, NULL);
INSERT INTO policies VALUES ('b5f6e274-d5e9-44b3-adc0-a047aad7e678', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', '', '9ed427a3-aa99-4430-b81c-49c916b91d23', 'b5f6e274-d5e9-44b3-adc0-a047aad7e678', '', NULL, 1795704026100, 1795704026100, 0, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('ef80abec-1ecd-4655-b65e-c90514f677ce', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'g', NULL, NULL, '00c0f0a0-0004-4000-8000-0000000000a1', NULL, 1795704026157, 1795704026157, 1, 'allow-list', 'deny', 'deny', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"meta":{"createdAt":1795704026157,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026157,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('64cb6824-f36b-4578-89e2-2c219de12cbf', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', '', '71823143-6be9-40e3-adff-5dd6a067eac1', '64cb6824-f36b-4578-89e2-2c219de12cbf', '', NULL, 1795704026240, 1795704026240, 0, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 23, NULL, NULL, NULL);
INSERT INTO policies VALUES ('3665f6c6-dac2-410b-8508-d16ff208259f', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'g', NULL, NULL, '00c0f0a0-0004-4000-8000-0000000000a2', NULL, 1795704026254, 1795704026254, 1, 'allow-list', 'deny', 'deny', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"meta":{"createdAt":1795704026254,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026254,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', 24, NULL, NULL, NULL);
INSERT INTO policies VALUES ('0b2326fb-305c-487d-9f2b-8696d1eac852', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'hostup', 'own', NULL, NULL, '', NULL, 1795704026301, 1795704026301, 1, 'first-match', 'deny', 'allow', 1, '[]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":null,"is_system":false,"created_at":"2026-11-26T14:40:26.301Z","updated_at":"2026-11-26T14:40:26.301Z"}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('77990939-1263-4e3f-88ae-b7aff7f3c4dd', '932511b5-a6f7-853f-941b-135cb5f6254d', 'hostup', 'foreign', NULL, NULL, '', NULL, 1795704026313, 1795704026313, 1, 'first-match', 'deny', 'allow', 1, '[]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":null,"is_system":false,"created_at":"2026-11-26T14:40:26.313Z","updated_at":"2026-11-26T14:40:26.313Z"}', 35, NULL, NULL, NULL);
INSERT INTO policies VALUES ('0fe9ee3f-8478-4b64-a331-864de2e32199', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', '', '7c08f485-3665-493e-9d58-57afa2627b2c', NULL, '', NULL, 1795704026325, 1795704026325, 0, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 43, NULL, NULL, NULL);
INSERT INTO policies VALUES ('20ec793f-0849-4ea1-a83a-0f760dc79f85', '932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', '', '56739114-f385-440a-9019-8e08822aa09f', NULL, '', NULL, 1795704026345, 1795704026345, 0, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 40, NULL, NULL, NULL);
INSERT INTO pools VALUES ('public-ipv4', '{"kind":"public-ipv4","profile":null,"zone":null,"whole":[{"first":"4c6120000","last":"4c613ffff"}],"ranges":[{"first":"4c612000a","last":"4c613fffe"}]}', '4c612000d');
INSERT INTO pools VALUES ('public-ipv6', '{"kind":"public-ipv6","profile":null,"zone":null,"whole":[{"first":"620010db8500000000000000000000000","last":"620010db85fffffffffffffffffffffff"}],"ranges":[{"first":"620010db850000000000000000000000a","last":"620010db85fffffffffffffffffffffff"}]}', '');
INSERT INTO pools VALUES ('public-ipv6-prefix', '{"kind":"public-ipv6-prefix","profile":null,"zone":null,"whole":[{"first":"620010db8600000000000000000000000","last":"620010db86fffffffffffffffffffffff"}],"ranges":[{"first":"620010db8600000000000000000000000","last":"620010db86fffffffffffffffffffffff"}]}', '');
INSERT INTO pools VALUES ('utility-ipv4', '{"kind":"utility-ipv4","profile":null,"zone":null,"whole":[{"first":"40a040000","last":"40a07ffff"}],"ranges":[{"first":"40a04000a","last":"40a07fffe"}]}', '');
INSERT INTO pools VALUES ('lan-ipv4', '{"kind":"lan-ipv4","profile":null,"zone":null,"whole":[{"first":"40a080000","last":"40a0fffff"}],"ranges":[{"first":"40a080000","last":"40a0fffff"}]}', '40a080100');
INSERT INTO pools VALUES ('datacenter-ipv6', '{"kind":"datacenter-ipv6","profile":null,"zone":null,"whole":[{"first":"6fd8445ff69e600000000000000000000","last":"6fd8445ff69e6ffffffffffffffffffff"}],"ranges":[{"first":"6fd8445ff69e600000000000000000000","last":"6fd8445ff69e6ffffffffffffffffffff"}]}', '');
INSERT INTO revision VALUES (1, 43);
INSERT INTO rules VALUES ('0b2326fb-305c-487d-9f2b-8696d1eac852', 1, 'd015d3a5-56b8-4c30-8a14-68461194193e', 'ingress', 'allow', 1, '[{"protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","created_at":"2026-11-26T14:40:26.301Z","updated_at":"2026-11-26T14:40:26.301Z"}', NULL, 1795704026301);
INSERT INTO rules VALUES ('11497e79-c3a3-4e35-a5a4-21239f9d7dfa', 1, '279c48b8-566e-4036-95fc-299b32cc3042', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}', NULL, 1795704026075);
INSERT INTO rules VALUES ('3665f6c6-dac2-410b-8508-d16ff208259f', 1, '3de4b9ae-b5a2-4c7e-8ed2-ca92ff69c264', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795704026254,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026254,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', NULL, 1795704026254);
INSERT INTO rules VALUES ('45ed8758-cc7b-4929-ae12-40f21723fe5c', 1, '4dc06bd4-ab29-4076-8886-c1b7b8202e4e', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}', NULL, 1795704025995);
INSERT INTO rules VALUES ('5b0eade5-1c10-86c1-9c72-a18ffe93a43c', 1, '31e0ced7-833e-4571-9c12-d52f35191770', 'ingress', 'allow', 1, '[{"protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22"}', NULL, 1795704026309);
INSERT INTO rules VALUES ('64cb6824-f36b-4578-89e2-2c219de12cbf', 1, '0568d3d1-6cc5-4515-93b4-9ec71eaa4b2e', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}', NULL, 1795704026240);
INSERT INTO rules VALUES ('77990939-1263-4e3f-88ae-b7aff7f3c4dd', 1, '8611eb4f-6afa-4a40-8f1a-f63bc94b0ee6', 'ingress', 'allow', 1, '[{"protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","created_at":"2026-11-26T14:40:26.313Z","updated_at":"2026-11-26T14:40:26.313Z"}', NULL, 1795704026313);
INSERT INTO rules VALUES ('84b90dd0-88d6-8eae-9e4b-4821fd8cf07c', 1, 'b8ce5a2b-89f8-41e0-8d47-ef783aae08c1', 'ingress', 'allow', 1, '[{"protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22"}', NULL, 1795704026293);
INSERT INTO rules VALUES ('9c5c7ee4-c824-80d1-a87d-e85d689c78a5', 1, '4ffe8fa6-781e-4a7e-a4db-f8585617fce4', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"action":"accept","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}', NULL, 1795704026340);
INSERT INTO rules VALUES ('b5f6e274-d5e9-44b3-adc0-a047aad7e678', 1, 'f47e82ba-0c0c-4597-89fa-41245ff89834', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', NULL, 1795704026100);
INSERT INTO rules VALUES ('dc2dc961-4990-86bf-a0d1-f902d44effc9', 1, '5a1bbca2-436f-42c1-9c5b-bbb10c769d5e', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"action":"accept","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}', NULL, 1795704026319);
INSERT INTO rules VALUES ('ef80abec-1ecd-4655-b65e-c90514f677ce', 1, 'eb189e72-3b45-4866-9136-522d13b97af8', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"name":null,"protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795704026157,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026157,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', NULL, 1795704026157);
INSERT INTO schema_version VALUES (13);
INSERT INTO servers VALUES ('00c0f0a0-0001-4000-8000-000000000001', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', '00c0f0a0-0001-4000-8000-000000000001', NULL, 'fi-hel1', 'started', NULL, NULL, 1795704025576, '{}', 42, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0002-4000-8000-000000000001', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'hostup', '00c0f0a0-0002-4000-8000-000000000001', 51000, '', 'started', NULL, NULL, 1795704025577, '{}', 1, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0004-4000-8000-000000000001', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', '00c0f0a0-0004-4000-8000-000000000001', NULL, '00c0f0a0-0004-4000-8000-0000000000a1', 'started', NULL, NULL, 1795704025578, '{"datacenter":"00c0f0a0-0004-4000-8000-0000000000a1"}', 1, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0003-4000-8000-000000000001', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', '00c0f0a0-0003-4000-8000-000000000001', NULL, 'fr-par-1', 'started', NULL, NULL, 1795704025579, '{"project":"00c0f0a0-0003-4000-8000-0000000000a1","userData":["cloud-init"]}', 5, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0001-4000-8000-000000000002', '932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', '00c0f0a0-0001-4000-8000-000000000002', NULL, 'fi-hel1', 'started', NULL, NULL, 1795704025580, '{}', 1, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0002-4000-8000-000000000002', '932511b5-a6f7-853f-941b-135cb5f6254d', 'hostup', '00c0f0a0-0002-4000-8000-000000000002', 52000, '', 'started', NULL, NULL, 1795704025581, '{}', 1, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0004-4000-8000-000000000002', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', '00c0f0a0-0004-4000-8000-000000000002', NULL, '00c0f0a0-0004-4000-8000-0000000000a2', 'started', NULL, NULL, 1795704025582, '{"datacenter":"00c0f0a0-0004-4000-8000-0000000000a2"}', 1, 'inventory');
INSERT INTO servers VALUES ('00c0f0a0-0003-4000-8000-000000000002', '932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', '00c0f0a0-0003-4000-8000-000000000002', NULL, 'fr-par-1', 'started', NULL, NULL, 1795704025583, '{"project":"00c0f0a0-0003-4000-8000-0000000000a2","userData":["cloud-init"]}', 11, 'inventory');
INSERT INTO servers VALUES ('ab14a066-4be9-40ee-b4cd-2c54d0125d38', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'scaleway', 'x', NULL, 'fr-par-1', 'stopped', NULL, NULL, 1795704026006, '{"project":"00c0f0a0-0003-4000-8000-0000000000a1","commercial_type":"DEV1-S","image":null,"volumes":{"0":{"id":"54804860-e359-496b-bd8f-1d399067beba","volume_type":"l_ssd","boot":false},"1":{"id":"3fd72622-379d-4f91-b194-6b544c398861","volume_type":"sbs_volume","boot":false}}}', 4, 'api');
INSERT INTO servers VALUES ('bdcc7568-07a9-427c-a720-de48d0e11a86', '932511b5-a6f7-853f-941b-135cb5f6254d', 'scaleway', 'x', NULL, 'fr-par-1', 'stopped', NULL, NULL, 1795704026078, '{"project":"00c0f0a0-0003-4000-8000-0000000000a2","commercial_type":"DEV1-S","image":null,"volumes":{"0":{"id":"47b4c5b2-9d59-46b2-ad95-b595f2a6a2c7","volume_type":"l_ssd","boot":false},"1":{"id":"3c83830c-c266-44a6-8ebe-b88f8a16bf65","volume_type":"sbs_volume","boot":false}}}', 10, 'api');
INSERT INTO servers VALUES ('9ed427a3-aa99-4430-b81c-49c916b91d23', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'ionos', 'n', NULL, '00c0f0a0-0004-4000-8000-0000000000a1', 'started', NULL, NULL, 1795704026100, '{"type":"ENTERPRISE","cores":1,"ram":1024,"cpuFamily":"INTEL_SKYLAKE","meta":{"createdAt":1795704026100,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026100,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"},"volumes":[{"id":"d2335a3d-3929-4d2d-a7f5-3aea11166358","deviceNumber":1,"pciSlot":5}],"counted":{"device":1,"pci":6},"labels":{"own":{"value":"x","meta":{"createdAt":1795704026211,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795704026211,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}}}', 19, 'api');
INSERT INTO servers VALUES ('71823143-6be9-40e3-adff-5dd6a067eac1', '932511b5-a6f7-853f-941b-135cb5f6254d', 'ionos', 'n', NULL, '00c0f0a0-0004-4000-8000-0000000000a2', 'started', NULL, NULL, 1795704026240, '{"type":"ENTERPRISE","cores":1,"ram":1024,"cpuFamily":"INTEL_SKYLAKE","meta":{"createdAt":1795704026240,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026240,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"},"volumes":[{"id":"9bb05a07-3cb5-4ed6-92c5-2f9083e903a4","deviceNumber":1,"pciSlot":5}],"counted":{"device":1,"pci":6},"labels":{"foreign":{"value":"x","meta":{"createdAt":1795704026273,"createdBy":"token 6c67163b","createdByUserId":"e3c38520-db98-8917-8666-98718c3193e5","modifiedAt":1795704026273,"modifiedBy":"token 6c67163b","modifiedByUserId":"e3c38520-db98-8917-8666-98718c3193e5"}}}}', 28, 'api');
INSERT INTO servers VALUES ('7c08f485-3665-493e-9d58-57afa2627b2c', '7f6737c3-8450-8848-bbe0-c28ba3e850a3', 'upcloud', 'x', NULL, 'fi-hel1', 'maintenance', 'started', 1795704026325, 1795704026325, '{"remote_access_password":"0-8FiZlb","core_number":1,"memory_amount":1024,"hostname":"x","disks":[{"address":"virtio:0","boot_disk":"0","part_of_plan":"yes","storage":"079f9342-d73c-4245-88b2-aab1a3123d97","storage_encrypted":"no","storage_size":10,"storage_tier":"maxiops","storage_title":"d","type":"disk"}]}', 37, 'api');
INSERT INTO servers VALUES ('56739114-f385-440a-9019-8e08822aa09f', '932511b5-a6f7-853f-941b-135cb5f6254d', 'upcloud', 'x', NULL, 'fi-hel1', 'maintenance', 'started', 1795704026345, 1795704026345, '{"remote_access_password":"kdh7thgT","core_number":1,"memory_amount":1024,"hostname":"x","disks":[{"address":"virtio:0","boot_disk":"0","part_of_plan":"yes","storage":"704a7e73-d5a5-4df5-b695-fee13ad74996","storage_encrypted":"no","storage_size":10,"storage_tier":"maxiops","storage_title":"d","type":"disk"}]}', 40, 'api');
ALTER TABLE ONLY accounts
    ADD CONSTRAINT accounts_name_key UNIQUE (name);
ALTER TABLE ONLY accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (server, interface, policy);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (revision);
ALTER TABLE ONLY counted
    ADD CONSTRAINT counted_pkey PRIMARY KEY (interface);
ALTER TABLE ONLY credentials
    ADD CONSTRAINT credentials_kind_lookup_key UNIQUE (kind, lookup);
ALTER TABLE ONLY credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (id);
ALTER TABLE ONLY departures
    ADD CONSTRAINT departures_pkey PRIMARY KEY (interface, host);
ALTER TABLE ONLY documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (profile, kind, id);
ALTER TABLE ONLY hit_sums
    ADD CONSTRAINT hit_sums_pkey PRIMARY KEY (account, policy, decider);
ALTER TABLE ONLY hits
    ADD CONSTRAINT hits_pkey PRIMARY KEY (interface, direction, decider);
ALTER TABLE ONLY hosts
    ADD CONSTRAINT hosts_pkey PRIMARY KEY (host);
ALTER TABLE ONLY installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_host_device_key UNIQUE (host, device);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_pkey PRIMARY KEY (id);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_server_number_key UNIQUE (server, number);
ALTER TABLE ONLY leases
    ADD CONSTRAINT leases_last_key UNIQUE (last);
ALTER TABLE ONLY leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (first);
ALTER TABLE ONLY outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (host, interface);
ALTER TABLE ONLY policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (id);
ALTER TABLE ONLY pools
    ADD CONSTRAINT pools_pkey PRIMARY KEY (name);
ALTER TABLE ONLY revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (policy, "position");
ALTER TABLE ONLY servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (id);
CREATE INDEX attachments_interface ON attachments USING btree (interface);
CREATE INDEX attachments_policy ON attachments USING btree (policy);
CREATE INDEX audit_account ON audit USING btree (account, revision);
CREATE INDEX audit_request ON audit USING btree (request_id);
CREATE INDEX credentials_account ON credentials USING btree (account);
CREATE INDEX departures_revision ON departures USING btree (revision);
CREATE INDEX documents_account ON documents USING btree (account, profile, kind);
CREATE INDEX hits_decider ON hits USING btree (decider);
CREATE INDEX leases_account ON leases USING btree (account, profile, kind);
CREATE INDEX leases_holder ON leases USING btree (kind, id);
CREATE INDEX leases_until ON leases USING btree (until);
CREATE INDEX outcomes_interface ON outcomes USING btree (interface);
CREATE INDEX outcomes_settled ON outcomes USING btree (settled);
CREATE INDEX policies_account ON policies USING btree (account, profile, created_at);
CREATE INDEX policies_changed ON policies USING btree (account, revision);
CREATE UNIQUE INDEX policies_default ON policies USING btree (account, profile, default_for);
CREATE INDEX policies_interface ON policies USING btree (interface);
CREATE INDEX policies_revision ON policies USING btree (revision);
CREATE INDEX policies_server ON policies USING btree (server);
CREATE INDEX servers_account ON servers USING btree (account, profile, created_at);
CREATE INDEX servers_changed ON servers USING btree (account, revision);
CREATE INDEX servers_name ON servers USING btree (account, name);
CREATE UNIQUE INDEX servers_number ON servers USING btree (profile, number);
CREATE INDEX servers_revision ON servers USING btree (revision);
ALTER TABLE ONLY attachments
    ADD CONSTRAINT attachments_policy_fkey FOREIGN KEY (policy) REFERENCES policies(id);
ALTER TABLE ONLY attachments
    ADD CONSTRAINT attachments_server_fkey FOREIGN KEY (server) REFERENCES servers(id);
ALTER TABLE ONLY credentials
    ADD CONSTRAINT credentials_account_fkey FOREIGN KEY (account) REFERENCES accounts(id);
ALTER TABLE ONLY documents
    ADD CONSTRAINT documents_account_fkey FOREIGN KEY (account) REFERENCES accounts(id);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_server_fkey FOREIGN KEY (server) REFERENCES servers(id);
ALTER TABLE ONLY policies
    ADD CONSTRAINT policies_account_fkey FOREIGN KEY (account) REFERENCES accounts(id);
ALTER TABLE ONLY policies
    ADD CONSTRAINT policies_server_fkey FOREIGN KEY (server) REFERENCES servers(id);
ALTER TABLE ONLY rules
    ADD CONSTRAINT rules_policy_fkey FOREIGN KEY (policy) REFERENCES policies(id);
ALTER TABLE ONLY servers
    ADD CONSTRAINT servers_account_fkey FOREIGN KEY (account) REFERENCES accounts(id);
