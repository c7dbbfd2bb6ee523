/**
 * Names that rules may use in place of numbers, as data: protocols and services (Debian's netbase 6.4, from IANA's
 * registries), ICMP types (as Proxmox VE names them; RFC 792, RFC 1122, RFC 4443).
 */

/** Beyond those the core knows. */
export const protocolNumbers: Readonly<Record<string, number>> = {
  ...{ hopopt: 0, ip: 0, ggp: 3, ipencap: 4, st: 5, pup: 12, hmp: 20, 'xns-idp': 22, rdp: 27, 'iso-tp4': 29 },
  ...{ xtp: 36, ddp: 37, 'idpr-cmtp': 38, 'ipv6-route': 43, 'ipv6-frag': 44, idrp: 45, skip: 57 },
  ...{ 'ipv6-nonxt': 59, 'ipv6-opts': 60, rspf: 73, vmtp: 81, eigrp: 88, 'ax.25': 93, ipip: 94, etherip: 97 },
  ...{ encap: 98, ipcomp: 108, isis: 124, fc: 133, 'mobility-header': 135, 'mpls-in-ip': 137, manet: 138 },
  ...{ hip: 139, shim6: 140, wesp: 141, rohc: 142 },
}

export const servicePorts: Readonly<Record<string, number>> = {
  ...{
    echo: 7,
    discard: 9,
    daytime: 13,
    chargen: 19,
    'ftp-data': 20,
    ftp: 21,
    ssh: 22,
    telnet: 23,
    smtp: 25,
  },
  ...{ time: 37, whois: 43, domain: 53, bootps: 67, bootpc: 68, tftp: 69, gopher: 70, finger: 79, http: 80 },
  ...{ kerberos: 88, pop3: 110, sunrpc: 111, auth: 113, nntp: 119, ntp: 123, 'netbios-ns': 137 },
  ...{ 'netbios-dgm': 138, 'netbios-ssn': 139, imap2: 143, snmp: 161, 'snmp-trap': 162, bgp: 179, irc: 194 },
  ...{ ldap: 389, https: 443, 'microsoft-ds': 445, submissions: 465, isakmp: 500, syslog: 514, printer: 515 },
  ...{ rip: 520, submission: 587, ipp: 631, ldaps: 636, 'domain-s': 853, rsync: 873, ftps: 990, imaps: 993 },
  ...{
    pop3s: 995,
    openvpn: 1194,
    'ms-sql-s': 1433,
    radius: 1812,
    'radius-acct': 1813,
    nfs: 2049,
    cvspserver: 2401,
  },
  ...{ mysql: 3306, 'ms-wbt-server': 3389, svn: 3690, 'ipsec-nat-t': 4500, sip: 5060, 'sip-tls': 5061 },
  ...{ 'xmpp-client': 5222, 'xmpp-server': 5269, postgresql: 5432, amqp: 5672, 'http-alt': 8080, git: 9418 },
}

/** Type, and code where the name means one. */
type IcmpName = readonly [type: number, code?: number]

export const icmpTypes: Readonly<Record<string, IcmpName>> = {
  'echo-reply': [0],
  'destination-unreachable': [3],
  'network-unreachable': [3, 0],
  'host-unreachable': [3, 1],
  'protocol-unreachable': [3, 2],
  'port-unreachable': [3, 3],
  'fragmentation-needed': [3, 4],
  'source-route-failed': [3, 5],
  'network-unknown': [3, 6],
  'host-unknown': [3, 7],
  'network-prohibited': [3, 9],
  'host-prohibited': [3, 10],
  'TOS-network-unreachable': [3, 11],
  'TOS-host-unreachable': [3, 12],
  'communication-prohibited': [3, 13],
  'host-precedence-violation': [3, 14],
  'precedence-cutoff': [3, 15],
  'source-quench': [4],
  redirect: [5],
  'network-redirect': [5, 0],
  'host-redirect': [5, 1],
  'TOS-network-redirect': [5, 2],
  'TOS-host-redirect': [5, 3],
  'echo-request': [8],
  'router-advertisement': [9],
  'router-solicitation': [10],
  'time-exceeded': [11],
  'ttl-zero-during-transit': [11, 0],
  'ttl-zero-during-reassembly': [11, 1],
  'parameter-problem': [12],
  'ip-header-bad': [12, 0],
  'required-option-missing': [12, 1],
  'timestamp-request': [13],
  'timestamp-reply': [14],
  'address-mask-request': [17],
  'address-mask-reply': [18],
}

export const icmpv6Types: Readonly<Record<string, IcmpName>> = {
  'destination-unreachable': [1],
  'no-route': [1, 0],
  'communication-prohibited': [1, 1],
  'beyond-scope': [1, 2],
  'address-unreachable': [1, 3],
  'port-unreachable': [1, 4],
  'failed-policy': [1, 5],
  'reject-route': [1, 6],
  'packet-too-big': [2],
  'time-exceeded': [3],
  'ttl-zero-during-transit': [3, 0],
  'ttl-zero-during-reassembly': [3, 1],
  'parameter-problem': [4],
  'bad-header': [4, 0],
  'unknown-header-type': [4, 1],
  'unknown-option': [4, 2],
  'echo-request': [128],
  'echo-reply': [129],
  'router-solicitation': [133],
  'router-advertisement': [134],
  'neighbor-solicitation': [135],
  'neighbour-solicitation': [135],
  'neighbor-advertisement': [136],
  'neighbour-advertisement': [136],
  redirect: [137],
}
