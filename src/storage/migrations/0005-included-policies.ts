/** Policies that rules include are attached to the server, whichever they are; and the row of an assigned group says that it is. */

/** That the rule's policy is a server's chain. */
const ofChain = 'FROM policies p WHERE p.id = rules.policy AND p.server IS NOT NULL AND p.interface IS NULL'

export const includedPolicies = (): readonly string[] => [
  // Until now only what was assigned was attached. The text of an object begins with its brace.
  `UPDATE rules SET spec = '{"assigned":true,' || substr(spec, 2) WHERE include IS NOT NULL AND EXISTS (
    SELECT 1 ${ofChain} AND EXISTS (
      SELECT 1 FROM attachments a WHERE a.server = p.server AND a.interface = '' AND a.policy = rules.include))`,
  // What a row names that is gone stays without effect.
  `INSERT INTO attachments (server, interface, policy, rank)
    SELECT p.server, '', r.include, 100 + MIN(r.position) FROM rules r
    JOIN policies p ON p.id = r.policy JOIN policies g ON g.id = r.include AND g.account = p.account
    WHERE p.server IS NOT NULL AND p.interface IS NULL AND NOT EXISTS (
      SELECT 1 FROM attachments a WHERE a.server = p.server AND a.interface = '' AND a.policy = r.include)
    GROUP BY p.server, r.include`,
  `UPDATE rules SET include = NULL WHERE include IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM policies g WHERE g.id = rules.include)`,
]
