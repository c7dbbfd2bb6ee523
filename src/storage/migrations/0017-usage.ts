/** How much each account has of what can be limited, so that no write has to count it. */
import { clustered, type Engine } from './engine.ts'

/** As it was counted when this was released. */
const there = `SELECT account, 'servers', COUNT(*) FROM servers WHERE origin <> 'left' GROUP BY account
  UNION ALL SELECT account, 'policies', COUNT(*) FROM policies WHERE server IS NULL GROUP BY account
  UNION ALL SELECT p.account, 'rules', COUNT(*) FROM rules r JOIN policies p ON p.id = r.policy
    LEFT JOIN servers s ON s.id = p.server WHERE p.server IS NULL OR s.origin <> 'left' GROUP BY p.account
  UNION ALL SELECT account, 'credentials', COUNT(*) FROM credentials WHERE account IS NOT NULL GROUP BY account
  UNION ALL SELECT account, 'addresses', COUNT(*) FROM leases WHERE state <> 'quarantined' GROUP BY account`

export const usage = (engine: Engine): readonly string[] => [
  `CREATE TABLE usage (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (account, name)
  ) ${clustered(engine)}`,
  `INSERT INTO usage (account, name, used) ${there}`,
]
