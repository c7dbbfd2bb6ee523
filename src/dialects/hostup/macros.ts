/**
 * Macros: names for what a service needs. The names and their ports are Proxmox VE's (proxmox/pve-firewall,
 * src/PVE/Firewall.pm, and its documentation), rewritten as data.
 */
import type { Family } from '../../core/net/address.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'

export interface MacroEntry {
  readonly protocol: number
  readonly family?: Family
  /** `first-last` or one port, destination unless `source`. */
  readonly ports?: readonly (number | readonly [number, number])[]
  readonly sourcePorts?: readonly number[]
  readonly icmpType?: number
}

type Port = number | readonly [number, number]
const tcp = (...ports: Port[]): MacroEntry => ({ protocol: TCP, ports })
const udp = (...ports: Port[]): MacroEntry => ({ protocol: UDP, ports })
const both = (...ports: Port[]): MacroEntry[] => [udp(...ports), tcp(...ports)]
const icmpv6 = (icmpType: number): MacroEntry => ({ protocol: ICMPV6, family: 'ipv6', icmpType })
const proto = (protocol: number): MacroEntry => ({ protocol })

export const macros: Readonly<Record<string, readonly MacroEntry[]>> = {
  Amanda: [udp(10080), tcp(10080)],
  Auth: [tcp(113)],
  BGP: [tcp(179)],
  BitTorrent: [tcp([6881, 6889]), udp(6881)],
  BitTorrent32: [tcp([6881, 6999]), udp(6881)],
  Ceph: [tcp(6789), tcp(3300), tcp([6800, 7300])],
  CVS: [tcp(2401)],
  Citrix: [tcp(1494), udp(1604), tcp(2598)],
  DAAP: [...both(3689)],
  DCC: [tcp(6277)],
  DHCPfwd: [{ protocol: UDP, family: 'ipv4', ports: [[67, 68]], sourcePorts: [67, 68] }],
  DHCPv6: [{ protocol: UDP, family: 'ipv6', ports: [546, 547], sourcePorts: [546, 547] }],
  DNS: both(53),
  Distcc: [tcp(3632)],
  FTP: [tcp(21)],
  Finger: [tcp(79)],
  GNUnet: both(2086),
  GRE: [proto(47)],
  Git: [tcp(9418)],
  HKP: [tcp(11371)],
  HTTP: [tcp(80)],
  HTTPS: [tcp(443)],
  ICPV2: [udp(3130)],
  ICQ: [tcp(5190)],
  IMAP: [tcp(143)],
  IMAPS: [tcp(993)],
  IPIP: [proto(94)],
  IPsec: [udp(500), proto(50)],
  IPsecah: [udp(500), proto(51)],
  IPsecnat: [udp(500), udp(4500), proto(50)],
  IRC: [tcp(6667)],
  Jetdirect: [tcp(9100)],
  L2TP: [udp(1701)],
  LDAP: [tcp(389)],
  LDAPS: [tcp(636)],
  MDNS: [udp(5353)],
  MSNP: [tcp(1863)],
  MSSQL: [tcp(1433)],
  Mail: [tcp(25, 465, 587)],
  Munin: [tcp(4949)],
  MySQL: [tcp(3306)],
  NNTP: [tcp(119)],
  NNTPS: [tcp(563)],
  NTP: [udp(123)],
  NeighborDiscovery: [icmpv6(133), icmpv6(134), icmpv6(135), icmpv6(136)],
  OSPF: [proto(89)],
  OpenVPN: [udp(1194)],
  PBS: [tcp(8007)],
  PCA: [udp(5632), tcp(5631)],
  PMG: [tcp(8006)],
  POP3: [tcp(110)],
  POP3S: [tcp(995)],
  PPtP: [proto(47), tcp(1723)],
  Ping: [
    { protocol: ICMP, family: 'ipv4', icmpType: 8 },
    { protocol: ICMPV6, family: 'ipv6', icmpType: 128 },
  ],
  PostgreSQL: [tcp(5432)],
  Printer: [tcp(515)],
  RDP: [tcp(3389)],
  RIP: [udp(520)],
  RNDC: [tcp(953)],
  Razor: [tcp(2703)],
  Rdate: [tcp(37)],
  Rsync: [tcp(873)],
  SANE: [tcp(6566)],
  SMB: [
    udp(135, 445),
    udp([137, 139]),
    { protocol: UDP, ports: [[1024, 65535]], sourcePorts: [137] },
    tcp(135, 139, 445),
  ],
  SMBswat: [tcp(901)],
  SMTP: [tcp(25)],
  SMTPS: [tcp(465)],
  SNMP: [udp([161, 162]), tcp(161)],
  SPAMD: [tcp(783)],
  SPICEproxy: [tcp(3128)],
  SSH: [tcp(22)],
  SVN: [tcp(3690)],
  SixXS: [tcp(3874), udp(3740), proto(41), udp(5072, 8374)],
  Squid: [tcp(3128)],
  Submission: [tcp(587)],
  Syslog: both(514),
  TFTP: [udp(69)],
  Telnet: [tcp(23)],
  Telnets: [tcp(992)],
  Time: [tcp(37)],
  Trcrt: [
    udp([33434, 33524]),
    { protocol: ICMP, family: 'ipv4', icmpType: 8 },
    { protocol: ICMPV6, family: 'ipv6', icmpType: 128 },
  ],
  VNC: [tcp([5900, 5999])],
  VNCL: [tcp(5500)],
  Web: [tcp(80), tcp(443)],
  Webcache: [tcp(8080)],
  Webmin: [tcp(10000)],
  Whois: [tcp(43)],
}

const canonical = new Map(Object.keys(macros).map((name) => [name.toLowerCase(), name]))

/** The macro's own spelling, whatever the case; undefined when there is none. */
export const macroName = (text: string): string | undefined => canonical.get(text.toLowerCase())
