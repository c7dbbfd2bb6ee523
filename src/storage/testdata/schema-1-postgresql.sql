-- The rows of schema-1-sqlite.sql in PostgreSQL.
CREATE TABLE accounts (
    id text NOT NULL,
    name text NOT NULL,
    attributes text NOT NULL
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
    after text NOT NULL
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
CREATE TABLE documents (
    account text NOT NULL,
    profile text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    body text NOT NULL,
    revision bigint NOT NULL
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
    attributes text NOT NULL
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
    revision bigint NOT NULL
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
    spec text NOT NULL
);
CREATE TABLE schema_version (
    version integer NOT NULL
);
CREATE TABLE sequences (
    name text NOT NULL,
    next bigint NOT NULL
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
    revision bigint NOT NULL
);
INSERT INTO accounts VALUES ('61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'acme', '{"contractNumber":31415926}');
INSERT INTO accounts VALUES ('eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'other', '{}');
INSERT INTO attachments VALUES ('0077fa3d-32db-4b09-9f5f-30d9e9afb565', '', '786f4ff4-1998-8535-b678-873cebae72df', 0);
INSERT INTO attachments VALUES ('00798b85-efdc-41ca-8021-f6ef457b8531', '', 'f3e39050-eebd-8934-b0b5-979e1a6750c9', 0);
INSERT INTO attachments VALUES ('00aaaa00-32db-4b09-9f5f-30d9e9afb565', '', '277e5248-b648-8c72-8f0e-a196dcd796f8', 0);
INSERT INTO attachments VALUES ('00aaaa00-32db-4b09-9f5f-30d9e9afb565', '', '3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f', 0);
INSERT INTO attachments VALUES ('00bbbb00-32db-4b09-9f5f-30d9e9afb565', '', '50193f77-2a75-8d09-a9a6-6759ce56c036', 0);
INSERT INTO attachments VALUES ('00cafe00-32db-4b09-9f5f-30d9e9afb565', '', '75d7b4ee-f76e-84be-bf15-f1784a3f9010', 0);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '', 'cc44d2cd-7784-47ef-8b97-88a854b2b256', 0);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000001', '0a1c0000-0000-4000-8000-000000000001', 0);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000001', '1fbdecbf-6b2d-4692-9d64-ba39095f6c19', 2);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000001', '8d0cabab-903a-479e-9569-ca45f74c29c9', 1);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000001', 'cc44d2cd-7784-47ef-8b97-88a854b2b256', 0);
INSERT INTO attachments VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000002', '0a1c0000-0000-4000-8000-000000000002', 0);
INSERT INTO attachments VALUES ('00dddd00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000003', '0a1c0000-0000-4000-8000-000000000003', 0);
INSERT INTO attachments VALUES ('00eeee00-32db-4b09-9f5f-30d9e9afb565', '', '2fb96dae-b1f8-4899-af1a-6071e94575c2', 0);
INSERT INTO attachments VALUES ('00ffff00-32db-4b09-9f5f-30d9e9afb565', '', '00fa8c7e-8d0a-4878-9346-25246593adff', 0);
INSERT INTO attachments VALUES ('b1f00192-e595-445d-97e7-4d86575b430f', '', 'f5b3e273-5959-4e01-b534-1f36bb4de375', 0);
INSERT INTO audit VALUES (1, 1795643800107, '', 'inventory', 'system', '', NULL, 'inventory.apply', 'inventory', '', 'null', '["account acme","account other","credential SCWACME0000000000000","credential SCWACME0000000000001","credential acme","credential token 28daa606","credential token d964319a","credential token 6c67163b","credential SCWOTHER000000000000","datacenter 0dc00000-0000-4000-8000-000000000001","project 00f10000-0000-4000-8000-000000000001","project 00f10000-0000-4000-8000-000000000002","datacenter 0dc00000-0000-4000-8000-000000000002","project 00f10000-0000-4000-8000-000000000003","server web","server db","server vm","server instance","server cube","server foreign","server theirs","server strange","server theirs"]');
INSERT INTO audit VALUES (2, 1795643800462, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'upcloud', '81da5b67-fcf3-4802-8984-130294b7b0c0', NULL, 'rule.create', 'rule', '56e6b69d-1d53-475b-872e-4e6d9df047ff', 'null', '{"position":1,"action":"accept","comment":"port 22","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO audit VALUES (3, 1795643800479, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'upcloud', '703543f3-9920-46e6-87eb-9dc4d2a497ed', NULL, 'rule.create', 'rule', '49c11b51-9a97-40db-841b-b351aaa1fe6c', 'null', '{"position":2,"action":"accept","comment":"port 80","destination_address_end":"","destination_address_start":"","destination_port_end":"80","destination_port_start":"80","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO audit VALUES (4, 1795643800490, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'upcloud', 'c4d2fe8d-09fd-4441-b1b4-3862d4c7c8ea', NULL, 'rule.create', 'rule', 'f14ded63-a5c0-41e8-aaa9-f9c07b84fe05', 'null', '{"position":3,"action":"drop","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"","destination_port_start":"","direction":"in","family":"","icmp_type":"","protocol":"","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO audit VALUES (5, 1795643800501, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'upcloud', '99fb38ef-3155-4411-bcc7-9740653abf34', NULL, 'rule.delete', 'rule', '49c11b51-9a97-40db-841b-b351aaa1fe6c', '{"position":2,"action":"accept","comment":"port 80","destination_address_end":"","destination_address_start":"","destination_port_end":"80","destination_port_start":"80","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}', 'null');
INSERT INTO audit VALUES (6, 1795643800510, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'upcloud', '2211216a-1ea4-4746-959a-dfcfb089759e', NULL, 'rule.replace', 'policy', '786f4ff4-1998-8535-b678-873cebae72df', '[]', '[{"action":"drop","comment":"","destination_address_end":"2001:db8::ff","destination_address_start":"2001:db8::1","destination_port_end":"","destination_port_start":"","direction":"out","family":"IPv6","icmp_type":"","protocol":"udp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}]');
INSERT INTO audit VALUES (7, 1795643800522, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'hostup', 'd44d21b3-061c-4339-aed8-4d805ab5ffcd', NULL, 'rule.create', 'rule', 'a8d0ad4b-dc0f-4956-83b3-a27ba9a67a19', 'null', '{"position":1,"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","source":"192.0.2.0/24","comment":"ssh"}');
INSERT INTO audit VALUES (8, 1795643800541, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'hostup', '7f38c5ea-f0b5-4820-9880-eb29f7677f08', NULL, 'rule.create', 'rule', 'a4b7c752-51ed-4a2d-b07d-b13771bccf4e', 'null', '{"position":1,"type":"out","action":"DROP","enable":1,"proto":"udp","dport":"53"}');
INSERT INTO audit VALUES (9, 1795643800546, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'hostup', 'cab2ab7d-28e1-4a78-adc8-fa6cb7fae1c5', NULL, 'policy.create', 'policy', '3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f', 'null', '{"name":"web","attributes":{"description":null,"is_system":false,"created_at":"2026-11-25T21:56:40.546Z","updated_at":"2026-11-25T21:56:40.546Z"},"rules":[{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"443","created_at":"2026-11-25T21:56:40.546Z","updated_at":"2026-11-25T21:56:40.546Z"}]}');
INSERT INTO audit VALUES (10, 1795643800561, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'hostup', '25b82cf7-8217-498d-acd9-408267040346', NULL, 'policy.include', 'server', '00aaaa00-32db-4b09-9f5f-30d9e9afb565', 'null', '"3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f"');
INSERT INTO audit VALUES (11, 1795643800574, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'hostup', '59ac9c4c-c2fa-4626-8341-1c7826c4e4f1', NULL, 'server.update', 'server', '00aaaa00-32db-4b09-9f5f-30d9e9afb565', '{"enabled":false,"defaultIngress":"deny","guards":{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}}', '{"enabled":true,"defaultIngress":"deny","guards":{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}}');
INSERT INTO audit VALUES (12, 1795643800579, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '67765932-1251-4747-bcab-c3ec44728694', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565/nics/0a1c0000-0000-4000-8000-000000000001/firewallrules","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"ssh\",\"protocol\":\"TCP\",\"portRangeStart\":22,\"portRangeEnd\":22}}","targets":[{"id":"7d3f3b7c-e40a-4fb2-a067-6085c1ecd804","type":"firewall-rule","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565/nics/0a1c0000-0000-4000-8000-000000000001/firewallrules/7d3f3b7c-e40a-4fb2-a067-6085c1ecd804"}],"bears":{"interface":"0a1c0000-0000-4000-8000-000000000001"}}', 'rule.create', 'rule', '7d3f3b7c-e40a-4fb2-a067-6085c1ecd804', 'null', '{"position":1,"name":"ssh","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795643800579,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800579,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO audit VALUES (13, 1795643800593, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', 'f029bdce-f727-4bac-bfc2-43181fb9dc40', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"a\",\"description\":\"a\"}}","targets":[{"id":"cc44d2cd-7784-47ef-8b97-88a854b2b256","type":"security-group","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/cc44d2cd-7784-47ef-8b97-88a854b2b256"}],"bears":{"policy":"cc44d2cd-7784-47ef-8b97-88a854b2b256"}}', 'policy.create', 'policy', 'cc44d2cd-7784-47ef-8b97-88a854b2b256', 'null', '{"name":"a","description":"a","rules":[]}');
INSERT INTO audit VALUES (23, 1795643800629, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'SCWACME0000000000000', 'scaleway', '33ce25cc-9767-41a8-a863-d5252e926c96', NULL, 'server.update', 'server', '00eeee00-32db-4b09-9f5f-30d9e9afb565', '{"modifiedAt":null,"attached":["f5b3e273-5959-4e01-b534-1f36bb4de375"]}', '{"modifiedAt":1795643800629,"attached":["2fb96dae-b1f8-4899-af1a-6071e94575c2"]}');
INSERT INTO audit VALUES (14, 1795643800599, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', 'c93903f2-1596-4a60-8f93-ad132e2bb53e', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/cc44d2cd-7784-47ef-8b97-88a854b2b256/rules","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"a\",\"protocol\":\"TCP\",\"direction\":\"INGRESS\",\"type\":\"INGRESS\",\"portRangeStart\":80,\"portRangeEnd\":80}}","targets":[{"id":"3ebed5e2-44c7-45e6-bc30-61a3b4f349ae","type":"firewall-rule","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/cc44d2cd-7784-47ef-8b97-88a854b2b256/rules/3ebed5e2-44c7-45e6-bc30-61a3b4f349ae"}],"bears":{"policy":"cc44d2cd-7784-47ef-8b97-88a854b2b256"}}', 'rule.create', 'rule', '3ebed5e2-44c7-45e6-bc30-61a3b4f349ae', 'null', '{"position":1,"name":"a","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800599,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800599,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO audit VALUES (15, 1795643800602, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '33aebd70-14f4-4076-8a62-380a08839d4e', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"b\",\"description\":\"b\"}}","targets":[{"id":"1fbdecbf-6b2d-4692-9d64-ba39095f6c19","type":"security-group","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/1fbdecbf-6b2d-4692-9d64-ba39095f6c19"}],"bears":{"policy":"1fbdecbf-6b2d-4692-9d64-ba39095f6c19"}}', 'policy.create', 'policy', '1fbdecbf-6b2d-4692-9d64-ba39095f6c19', 'null', '{"name":"b","description":"b","rules":[]}');
INSERT INTO audit VALUES (16, 1795643800605, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '3e02fbaa-df33-45b1-ab38-596500bc7188', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/1fbdecbf-6b2d-4692-9d64-ba39095f6c19/rules","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"b\",\"protocol\":\"TCP\",\"direction\":\"INGRESS\",\"type\":\"INGRESS\",\"portRangeStart\":80,\"portRangeEnd\":80}}","targets":[{"id":"22fb3985-30be-4eff-87d9-9470f5ddbd5d","type":"firewall-rule","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/1fbdecbf-6b2d-4692-9d64-ba39095f6c19/rules/22fb3985-30be-4eff-87d9-9470f5ddbd5d"}],"bears":{"policy":"1fbdecbf-6b2d-4692-9d64-ba39095f6c19"}}', 'rule.create', 'rule', '22fb3985-30be-4eff-87d9-9470f5ddbd5d', 'null', '{"position":1,"name":"b","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800605,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800605,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO audit VALUES (17, 1795643800608, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', 'dd6a00b8-1a1b-491b-8700-adb6d7203e75', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"c\",\"description\":\"c\"}}","targets":[{"id":"8d0cabab-903a-479e-9569-ca45f74c29c9","type":"security-group","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/8d0cabab-903a-479e-9569-ca45f74c29c9"}],"bears":{"policy":"8d0cabab-903a-479e-9569-ca45f74c29c9"}}', 'policy.create', 'policy', '8d0cabab-903a-479e-9569-ca45f74c29c9', 'null', '{"name":"c","description":"c","rules":[]}');
INSERT INTO audit VALUES (18, 1795643800611, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '624962f0-b2ee-4c2f-8e21-5f9717fdb8aa', '{"method":"POST","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/8d0cabab-903a-479e-9569-ca45f74c29c9/rules","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"properties\":{\"name\":\"c\",\"protocol\":\"TCP\",\"direction\":\"INGRESS\",\"type\":\"INGRESS\",\"portRangeStart\":80,\"portRangeEnd\":80}}","targets":[{"id":"aaa3defc-141c-4bbe-8bd8-9de870a59fb8","type":"firewall-rule","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/securitygroups/8d0cabab-903a-479e-9569-ca45f74c29c9/rules/aaa3defc-141c-4bbe-8bd8-9de870a59fb8"}],"bears":{"policy":"8d0cabab-903a-479e-9569-ca45f74c29c9"}}', 'rule.create', 'rule', 'aaa3defc-141c-4bbe-8bd8-9de870a59fb8', 'null', '{"position":1,"name":"c","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800611,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800611,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO audit VALUES (19, 1795643800614, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '337d126d-bc88-479a-83e4-c06e30c96b4c', '{"method":"PUT","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565/nics/0a1c0000-0000-4000-8000-000000000001/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"ids\":[\"cc44d2cd-7784-47ef-8b97-88a854b2b256\",\"8d0cabab-903a-479e-9569-ca45f74c29c9\",\"1fbdecbf-6b2d-4692-9d64-ba39095f6c19\"]}","targets":[{"id":"0a1c0000-0000-4000-8000-000000000001","type":"nic","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565/nics/0a1c0000-0000-4000-8000-000000000001"}],"bears":{"interface":"0a1c0000-0000-4000-8000-000000000001"}}', 'policy.attach', 'interface', '0a1c0000-0000-4000-8000-000000000001', '[]', '["cc44d2cd-7784-47ef-8b97-88a854b2b256","8d0cabab-903a-479e-9569-ca45f74c29c9","1fbdecbf-6b2d-4692-9d64-ba39095f6c19"]');
INSERT INTO audit VALUES (20, 1795643800618, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token 28daa606', 'ionos', '997de50e-2c01-46bc-8c44-d6f902ae5b23', '{"method":"PUT","url":"http://127.0.0.1:34099/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565/securitygroups","headers":{"accept":"*/*","content-type":"application/json","user-agent":"node"},"body":"{\"ids\":[\"cc44d2cd-7784-47ef-8b97-88a854b2b256\"]}","targets":[{"id":"00cccc00-32db-4b09-9f5f-30d9e9afb565","type":"server","path":"/datacenters/0dc00000-0000-4000-8000-000000000001/servers/00cccc00-32db-4b09-9f5f-30d9e9afb565"}],"bears":{"server":"00cccc00-32db-4b09-9f5f-30d9e9afb565"}}', 'policy.attach', 'server', '00cccc00-32db-4b09-9f5f-30d9e9afb565', '[]', '["cc44d2cd-7784-47ef-8b97-88a854b2b256"]');
INSERT INTO audit VALUES (21, 1795643800622, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'SCWACME0000000000000', 'scaleway', 'a02aff23-9649-4b19-bbc0-6cd4580910cb', NULL, 'policy.create', 'policy', '2fb96dae-b1f8-4899-af1a-6071e94575c2', 'null', '{"name":"closed","attributes":{"project":"00f10000-0000-4000-8000-000000000001","description":null,"tags":[]},"rules":[]}');
INSERT INTO audit VALUES (22, 1795643800626, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'SCWACME0000000000000', 'scaleway', 'db5450b5-8d06-493c-8da8-2e714eeb7230', NULL, 'rule.create', 'rule', '9bae1891-075b-4030-93e2-289913361e08', 'null', '{"position":1,"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}');
INSERT INTO audit VALUES (24, 1795643800639, '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'SCWACME0000000000000', 'scaleway', 'f281e640-90b1-4ecb-a4ad-c767f1a36f65', NULL, 'server.create', 'server', 'b1f00192-e595-445d-97e7-4d86575b430f', 'null', '{"name":"made","zone":"fr-par-1","state":"stopped","attributes":{"project":"00f10000-0000-4000-8000-000000000001","commercial_type":"DEV1-S","image":"958fdbd1-5c22-87ba-803c-2898d08a2005","volumes":{"0":{"boot":false,"volume_type":"sbs_volume","id":"20e01e5f-1aaf-4870-88ad-ce1e174529d7","state":"available","zone":"fr-par-1"}}},"attached":["f5b3e273-5959-4e01-b534-1f36bb4de375"]}');
INSERT INTO credentials VALUES ('36813754-e431-8003-ba22-59a787670f6f', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'secret-key', 'cb3df78b5909ace9fb540b7787350a25ed14b28974e4dc0d85a3896e76e76f34', 'cb3df78b5909ace9fb540b7787350a25ed14b28974e4dc0d85a3896e76e76f34', '[]', 'SCWACME0000000000000', '{"accessKey":"SCWACME0000000000000","project":"00f10000-0000-4000-8000-000000000001"}');
INSERT INTO credentials VALUES ('ead181b6-ce06-8f54-90f7-2790703c3bab', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'secret-key', '637c8c639782dc2fd7a6ff8fd8c2fc9679c8b21a74f623a21eab7cf72f38a6cf', '637c8c639782dc2fd7a6ff8fd8c2fc9679c8b21a74f623a21eab7cf72f38a6cf', '["read"]', 'SCWACME0000000000001', '{"accessKey":"SCWACME0000000000001"}');
INSERT INTO credentials VALUES ('b7b74904-5753-82e4-9a95-b892b45b363b', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'password', 'acme', 'scrypt$16384$8$1$2Mhh/F5zE+83iKxYlTkTuw==$I82H6j3UVrqLjYEj7pxYcwjsYaOxnlsefk7LAInzcuw=', '[]', 'acme', '{}');
INSERT INTO credentials VALUES ('439fa60d-53a2-8174-abb2-b95e0eead604', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token', '28daa606f54b368209e11244fd3d5612b41212e822258df22e55afe06a7bdae1', '28daa606f54b368209e11244fd3d5612b41212e822258df22e55afe06a7bdae1', '["read","write"]', 'token 28daa606', '{}');
INSERT INTO credentials VALUES ('02272474-7ab2-8c3f-9cbf-7de259889264', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'token', 'd964319ad9a88c527e60c0a38bf48f460a83e7eb83ba6142301b732d04365084', 'd964319ad9a88c527e60c0a38bf48f460a83e7eb83ba6142301b732d04365084', '["read"]', 'token d964319a', '{}');
INSERT INTO credentials VALUES ('e3c38520-db98-8917-8666-98718c3193e5', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'token', '6c67163bbed989f232b31acc4f04df54b31285bfc01bd022c735b71e041a4754', '6c67163bbed989f232b31acc4f04df54b31285bfc01bd022c735b71e041a4754', '[]', 'token 6c67163b', '{}');
INSERT INTO credentials VALUES ('42b6d5f8-015d-8304-b648-4b889aab6132', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'secret-key', '0fea71d96eaf4ebdde57301501b77817f20bc19def34ebdfded7217d4540b5b6', '0fea71d96eaf4ebdde57301501b77817f20bc19def34ebdfded7217d4540b5b6', '[]', 'SCWOTHER000000000000', '{"accessKey":"SCWOTHER000000000000"}');
INSERT INTO documents VALUES ('61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', 'datacenter', '0dc00000-0000-4000-8000-000000000001', '{"createdAt":1795643800107,"name":"vdc","location":"de/txl"}', 20);
INSERT INTO documents VALUES ('61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'project', '00f10000-0000-4000-8000-000000000001', '{"description":"","createdAt":1795643800107,"name":"default"}', 24);
INSERT INTO documents VALUES ('61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'project', '00f10000-0000-4000-8000-000000000002', '{"description":"","createdAt":1795643800108,"name":"second"}', 1);
INSERT INTO documents VALUES ('eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'ionos', 'datacenter', '0dc00000-0000-4000-8000-000000000002', '{"createdAt":1795643800107,"name":"theirs","location":"de/fra"}', 1);
INSERT INTO documents VALUES ('eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'scaleway', 'project', '00f10000-0000-4000-8000-000000000003', '{"description":"","createdAt":1795643800107,"name":"theirs"}', 1);
INSERT INTO documents VALUES ('61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'volume', '20e01e5f-1aaf-4870-88ad-ce1e174529d7', '{"name":"made_sbs_volume_0","type":"sbs_volume","size":10000000000,"server":"b1f00192-e595-445d-97e7-4d86575b430f","zone":"fr-par-1","project":"00f10000-0000-4000-8000-000000000001","createdAt":1795643800639}', 24);
INSERT INTO interfaces VALUES ('3dfc1c48-52ad-899a-ad9b-a604ef8ea425', '00798b85-efdc-41ca-8021-f6ef457b8531', 1, '52:54:00:00:00:01', '["192.0.2.10","2001:db8::10"]', 'public', 'local', 'tap1', '{}');
INSERT INTO interfaces VALUES ('776bcbf2-1356-8a86-9218-fe144db80200', '00798b85-efdc-41ca-8021-f6ef457b8531', 2, '52:54:00:00:00:02', '["10.0.0.10"]', 'private', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('4d2e5a78-c4de-85e3-994d-2f2f293ffab7', '0077fa3d-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:fb:ab:11', '["192.0.2.11"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('668d2979-8c64-8211-a3c0-cc9ff0ad6e98', '00aaaa00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:00:00:11', '["192.0.2.20","2001:db8::20"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('51fdea3a-2a97-8556-8c9f-8e27a0ab49a1', '00aaaa00-32db-4b09-9f5f-30d9e9afb565', 2, '52:54:00:31:aa:ad', '["10.0.0.20"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('c00531f1-a33e-8edd-bfdd-b1c29ea5915f', '00eeee00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:ed:c1:b8', '["192.0.2.40","2001:db8::40"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('f7a4a694-28cb-8cae-9079-9d3d4e2aa52e', '00eeee00-32db-4b09-9f5f-30d9e9afb565', 2, '52:54:00:81:df:5c', '["10.0.0.40"]', 'private', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('0a1c0000-0000-4000-8000-000000000002', '00cccc00-32db-4b09-9f5f-30d9e9afb565', 2, '52:54:00:ea:50:42', '["10.0.0.30"]', 'private', NULL, NULL, '{"lan":2}');
INSERT INTO interfaces VALUES ('6ed03dbd-44e9-8f19-8f3c-4465f702c5c7', '00cafe00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:04:de:02', '["192.0.2.99"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('9a2bcdfd-1f10-8a1c-9d7b-0fefd45c455c', '00bbbb00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:e3:3c:c9', '["192.0.2.98"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('ce245e90-35c9-8318-acdc-6ea742fa230f', '00ffff00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:8a:f7:26', '["192.0.2.96"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('0a1c0000-0000-4000-8000-000000000003', '00dddd00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:e1:6e:a3', '["192.0.2.97"]', 'public', NULL, NULL, '{}');
INSERT INTO interfaces VALUES ('0a1c0000-0000-4000-8000-000000000001', '00cccc00-32db-4b09-9f5f-30d9e9afb565', 1, '52:54:00:00:00:21', '["192.0.2.30","2001:db8::30"]', 'public', NULL, NULL, '{"lan":1,"firewallActive":true,"meta":{"createdAt":1795643800111,"createdBy":"inventory","createdByUserId":"61aa2b29-02f2-8084-9a9a-3b184e3eb1c7","modifiedAt":1795643800614,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO interfaces VALUES ('268e4394-c367-44ac-853d-fd391b69e309', 'b1f00192-e595-445d-97e7-4d86575b430f', 1, 'de:00:00:1b:3e:a4', '[]', 'public', NULL, NULL, '{}');
INSERT INTO policies VALUES ('f3e39050-eebd-8934-b0b5-979e1a6750c9', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'upcloud', '', '00798b85-efdc-41ca-8021-f6ef457b8531', NULL, '', NULL, 1795643800107, 1795643800501, 1, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 5);
INSERT INTO policies VALUES ('786f4ff4-1998-8535-b678-873cebae72df', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'upcloud', '', '0077fa3d-32db-4b09-9f5f-30d9e9afb565', NULL, '', NULL, 1795643800108, 1795643800510, 0, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 6);
INSERT INTO policies VALUES ('277e5248-b648-8c72-8f0e-a196dcd796f8', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'hostup', '', '00aaaa00-32db-4b09-9f5f-30d9e9afb565', NULL, '', NULL, 1795643800109, 1795643800574, 1, 'first-match', 'deny', 'allow', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}', NULL, '{}', 11);
INSERT INTO policies VALUES ('f5b3e273-5959-4e01-b534-1f36bb4de375', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'Default security group', NULL, NULL, 'fr-par-1', '00f10000-0000-4000-8000-000000000001 fr-par-1', 1795643800110, 1795643800110, 1, 'first-match', 'allow', 'allow', 1, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"description":"Auto generated security group.","tags":[],"project":"00f10000-0000-4000-8000-000000000001"}', 1);
INSERT INTO policies VALUES ('0a1c0000-0000-4000-8000-000000000001', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', '', '00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000001', '', NULL, 1795643800107, 1795643800579, 1, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 12);
INSERT INTO policies VALUES ('0a1c0000-0000-4000-8000-000000000002', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', '', '00cccc00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000002', '', NULL, 1795643800107, 1795643800107, 0, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 1);
INSERT INTO policies VALUES ('75d7b4ee-f76e-84be-bf15-f1784a3f9010', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'upcloud', '', '00cafe00-32db-4b09-9f5f-30d9e9afb565', NULL, '', NULL, 1795643800112, 1795643800112, 0, 'first-match', 'allow', 'allow', 0, '["ingress","egress"]', '["public","utility"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 1);
INSERT INTO policies VALUES ('50193f77-2a75-8d09-a9a6-6759ce56c036', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'hostup', '', '00bbbb00-32db-4b09-9f5f-30d9e9afb565', NULL, '', NULL, 1795643800113, 1795643800113, 0, 'first-match', 'deny', 'allow', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":true,"sourceAddress":false}', NULL, '{}', 1);
INSERT INTO policies VALUES ('00fa8c7e-8d0a-4878-9346-25246593adff', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'scaleway', 'Default security group', NULL, NULL, 'fr-par-1', '00f10000-0000-4000-8000-000000000003 fr-par-1', 1795643800114, 1795643800114, 1, 'first-match', 'allow', 'allow', 1, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"description":"Auto generated security group.","tags":[],"project":"00f10000-0000-4000-8000-000000000003"}', 1);
INSERT INTO policies VALUES ('0a1c0000-0000-4000-8000-000000000003', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'ionos', '', '00dddd00-32db-4b09-9f5f-30d9e9afb565', '0a1c0000-0000-4000-8000-000000000003', '', NULL, 1795643800107, 1795643800107, 0, 'allow-list', 'deny', 'deny', 1, '["ingress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{}', 1);
INSERT INTO policies VALUES ('3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'hostup', 'web', NULL, NULL, '', NULL, 1795643800546, 1795643800546, 1, 'first-match', 'deny', 'allow', 1, '[]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":null,"is_system":false,"created_at":"2026-11-25T21:56:40.546Z","updated_at":"2026-11-25T21:56:40.546Z"}', 9);
INSERT INTO policies VALUES ('cc44d2cd-7784-47ef-8b97-88a854b2b256', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', 'a', NULL, NULL, '0dc00000-0000-4000-8000-000000000001', NULL, 1795643800593, 1795643800599, 1, 'allow-list', 'deny', 'deny', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":"a","meta":{"createdAt":1795643800593,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800593,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 14);
INSERT INTO policies VALUES ('1fbdecbf-6b2d-4692-9d64-ba39095f6c19', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', 'b', NULL, NULL, '0dc00000-0000-4000-8000-000000000001', NULL, 1795643800602, 1795643800605, 1, 'allow-list', 'deny', 'deny', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":"b","meta":{"createdAt":1795643800602,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800602,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 16);
INSERT INTO policies VALUES ('8d0cabab-903a-479e-9569-ca45f74c29c9', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', 'c', NULL, NULL, '0dc00000-0000-4000-8000-000000000001', NULL, 1795643800608, 1795643800611, 1, 'allow-list', 'deny', 'deny', 1, '["ingress","egress"]', '["public","utility","private"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', NULL, '{"description":"c","meta":{"createdAt":1795643800608,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800608,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 18);
INSERT INTO policies VALUES ('2fb96dae-b1f8-4899-af1a-6071e94575c2', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'closed', NULL, NULL, 'fr-par-1', NULL, 1795643800622, 1795643800626, 1, 'first-match', 'deny', 'allow', 1, '["ingress","egress"]', '["public"]', '{"dhcp":true,"neighbourDiscovery":true,"routerAdvertisement":false,"sourceMac":false,"sourceAddress":false}', 'no-smtp', '{"project":"00f10000-0000-4000-8000-000000000001","description":null,"tags":[]}', 22);
INSERT INTO revision VALUES (1, 24);
INSERT INTO rules VALUES ('0a1c0000-0000-4000-8000-000000000001', 1, '7d3f3b7c-e40a-4fb2-a067-6085c1ecd804', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"name":"ssh","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":22,"portRangeEnd":22,"type":null,"meta":{"createdAt":1795643800579,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800579,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO rules VALUES ('1fbdecbf-6b2d-4692-9d64-ba39095f6c19', 1, '22fb3985-30be-4eff-87d9-9470f5ddbd5d', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[80,80]]}]', NULL, NULL, '{"name":"b","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800605,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800605,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO rules VALUES ('277e5248-b648-8c72-8f0e-a196dcd796f8', 1, '620456f5-7b86-440e-9f0b-3f013fbf75bf', 'ingress', 'deny', 1, '[]', '3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f', NULL, '{"type":"group","action":"g3b28f3bb4dc1","enable":1}');
INSERT INTO rules VALUES ('277e5248-b648-8c72-8f0e-a196dcd796f8', 2, 'a4b7c752-51ed-4a2d-b07d-b13771bccf4e', 'egress', 'deny', 1, '[{"protocol":17,"destinationPorts":[[53,53]]}]', NULL, NULL, '{"type":"out","action":"DROP","enable":1,"proto":"udp","dport":"53"}');
INSERT INTO rules VALUES ('277e5248-b648-8c72-8f0e-a196dcd796f8', 3, 'a8d0ad4b-dc0f-4956-83b3-a27ba9a67a19', 'ingress', 'allow', 1, '[{"protocol":6,"source":[["192.0.2.0","192.0.2.255"]],"destinationPorts":[[22,22]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"22","source":"192.0.2.0/24","comment":"ssh"}');
INSERT INTO rules VALUES ('2fb96dae-b1f8-4899-af1a-6071e94575c2', 1, '9bae1891-075b-4030-93e2-289913361e08', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"protocol":"TCP","direction":"inbound","action":"accept","ip_range":"0.0.0.0/0","dest_port_from":22,"dest_port_to":null}');
INSERT INTO rules VALUES ('3b28f3bb-4dc1-4c76-9ebe-5fec1dc1ce3f', 1, 'c75d8ca7-b061-4760-9c0f-f65b27a3343c', 'ingress', 'allow', 1, '[{"protocol":6,"destinationPorts":[[443,443]]}]', NULL, NULL, '{"type":"in","action":"ACCEPT","enable":1,"proto":"tcp","dport":"443","created_at":"2026-11-25T21:56:40.546Z","updated_at":"2026-11-25T21:56:40.546Z"}');
INSERT INTO rules VALUES ('786f4ff4-1998-8535-b678-873cebae72df', 1, '0eb20f3f-649b-4505-b922-dbf4fec33c0e', 'egress', 'deny', 1, '[{"family":"ipv6","protocol":17,"destination":[["2001:db8::1","2001:db8::ff"]]}]', NULL, NULL, '{"action":"drop","comment":"","destination_address_end":"2001:db8::ff","destination_address_start":"2001:db8::1","destination_port_end":"","destination_port_start":"","direction":"out","family":"IPv6","icmp_type":"","protocol":"udp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO rules VALUES ('8d0cabab-903a-479e-9569-ca45f74c29c9', 1, 'aaa3defc-141c-4bbe-8bd8-9de870a59fb8', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[80,80]]}]', NULL, NULL, '{"name":"c","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800611,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800611,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO rules VALUES ('cc44d2cd-7784-47ef-8b97-88a854b2b256', 1, '3ebed5e2-44c7-45e6-bc30-61a3b4f349ae', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[80,80]]}]', NULL, NULL, '{"name":"a","protocol":"TCP","sourceMac":null,"ipVersion":null,"sourceIp":null,"targetIp":null,"icmpCode":null,"icmpType":null,"portRangeStart":80,"portRangeEnd":80,"type":"INGRESS","meta":{"createdAt":1795643800599,"createdBy":"token 28daa606","createdByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604","modifiedAt":1795643800599,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}');
INSERT INTO rules VALUES ('f3e39050-eebd-8934-b0b5-979e1a6750c9', 1, '56e6b69d-1d53-475b-872e-4e6d9df047ff', 'ingress', 'allow', 1, '[{"family":"ipv4","protocol":6,"destinationPorts":[[22,22]]}]', NULL, NULL, '{"action":"accept","comment":"port 22","destination_address_end":"","destination_address_start":"","destination_port_end":"22","destination_port_start":"22","direction":"in","family":"IPv4","icmp_type":"","protocol":"tcp","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO rules VALUES ('f3e39050-eebd-8934-b0b5-979e1a6750c9', 2, 'f14ded63-a5c0-41e8-aaa9-f9c07b84fe05', 'ingress', 'deny', 1, '[{}]', NULL, NULL, '{"action":"drop","comment":"","destination_address_end":"","destination_address_start":"","destination_port_end":"","destination_port_start":"","direction":"in","family":"","icmp_type":"","protocol":"","source_address_end":"","source_address_start":"","source_port_end":"","source_port_start":""}');
INSERT INTO schema_version VALUES (1);
INSERT INTO servers VALUES ('00798b85-efdc-41ca-8021-f6ef457b8531', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'upcloud', 'web', NULL, 'fi-hel1', 'started', NULL, NULL, 1795643800107, '{"labels":{"env":"dev","tier":"web"}}', 1);
INSERT INTO servers VALUES ('0077fa3d-32db-4b09-9f5f-30d9e9afb565', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'upcloud', 'db', NULL, 'fi-hel1', 'started', NULL, NULL, 1795643800108, '{"labels":{"env":"dev"}}', 1);
INSERT INTO servers VALUES ('00aaaa00-32db-4b09-9f5f-30d9e9afb565', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'hostup', 'vm', 10000, '', 'started', NULL, NULL, 1795643800109, '{}', 11);
INSERT INTO servers VALUES ('00eeee00-32db-4b09-9f5f-30d9e9afb565', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'instance', NULL, 'fr-par-1', 'started', NULL, NULL, 1795643800110, '{"project":"00f10000-0000-4000-8000-000000000001","modifiedAt":1795643800629}', 23);
INSERT INTO servers VALUES ('00cccc00-32db-4b09-9f5f-30d9e9afb565', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'ionos', 'cube', NULL, '0dc00000-0000-4000-8000-000000000001', 'started', NULL, NULL, 1795643800111, '{"datacenter":"0dc00000-0000-4000-8000-000000000001","meta":{"createdAt":1795643800111,"createdBy":"inventory","createdByUserId":"61aa2b29-02f2-8084-9a9a-3b184e3eb1c7","modifiedAt":1795643800618,"modifiedBy":"token 28daa606","modifiedByUserId":"439fa60d-53a2-8174-abb2-b95e0eead604"}}', 20);
INSERT INTO servers VALUES ('00cafe00-32db-4b09-9f5f-30d9e9afb565', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'upcloud', 'foreign', NULL, 'fi-hel1', 'started', NULL, NULL, 1795643800112, '{}', 1);
INSERT INTO servers VALUES ('00bbbb00-32db-4b09-9f5f-30d9e9afb565', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'hostup', 'theirs', 20000, '', 'started', NULL, NULL, 1795643800113, '{}', 1);
INSERT INTO servers VALUES ('00ffff00-32db-4b09-9f5f-30d9e9afb565', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'scaleway', 'strange', NULL, 'fr-par-1', 'started', NULL, NULL, 1795643800114, '{"project":"00f10000-0000-4000-8000-000000000003"}', 1);
INSERT INTO servers VALUES ('00dddd00-32db-4b09-9f5f-30d9e9afb565', 'eed2d3eb-fcbc-853a-8fd2-4110315f6886', 'ionos', 'theirs', NULL, '0dc00000-0000-4000-8000-000000000002', 'started', NULL, NULL, 1795643800115, '{"datacenter":"0dc00000-0000-4000-8000-000000000002"}', 1);
INSERT INTO servers VALUES ('b1f00192-e595-445d-97e7-4d86575b430f', '61aa2b29-02f2-8084-9a9a-3b184e3eb1c7', 'scaleway', 'made', NULL, 'fr-par-1', 'stopped', NULL, NULL, 1795643800639, '{"project":"00f10000-0000-4000-8000-000000000001","commercial_type":"DEV1-S","image":"958fdbd1-5c22-87ba-803c-2898d08a2005","volumes":{"0":{"boot":false,"volume_type":"sbs_volume","id":"20e01e5f-1aaf-4870-88ad-ce1e174529d7","state":"available","zone":"fr-par-1"}}}', 24);
ALTER TABLE ONLY accounts
    ADD CONSTRAINT accounts_name_key UNIQUE (name);
ALTER TABLE ONLY accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (server, interface, policy);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (revision);
ALTER TABLE ONLY credentials
    ADD CONSTRAINT credentials_kind_lookup_key UNIQUE (kind, lookup);
ALTER TABLE ONLY credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (id);
ALTER TABLE ONLY documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (profile, kind, id);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_host_device_key UNIQUE (host, device);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_pkey PRIMARY KEY (id);
ALTER TABLE ONLY interfaces
    ADD CONSTRAINT interfaces_server_number_key UNIQUE (server, number);
ALTER TABLE ONLY policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (id);
ALTER TABLE ONLY revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (policy, "position");
ALTER TABLE ONLY sequences
    ADD CONSTRAINT sequences_pkey PRIMARY KEY (name);
ALTER TABLE ONLY servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (id);
CREATE INDEX attachments_policy ON attachments USING btree (policy);
CREATE INDEX audit_account ON audit USING btree (account, revision);
CREATE INDEX audit_request ON audit USING btree (request_id);
CREATE INDEX credentials_account ON credentials USING btree (account);
CREATE INDEX documents_account ON documents USING btree (account, profile, kind);
CREATE INDEX policies_account ON policies USING btree (account, profile, created_at);
CREATE UNIQUE INDEX policies_default ON policies USING btree (account, profile, default_for);
CREATE INDEX policies_revision ON policies USING btree (revision);
CREATE INDEX policies_server ON policies USING btree (server);
CREATE INDEX servers_account ON servers USING btree (account, profile, created_at);
CREATE UNIQUE INDEX servers_number ON servers USING btree (profile, number);
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
