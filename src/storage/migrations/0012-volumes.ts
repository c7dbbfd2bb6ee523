/**
 * Volumes of IONOS servers become documents of their own, so that they can be made, attached and kept by themselves. Their
 * server keeps the order in which they were attached, with device numbers and slots, and which one it starts from.
 */
import { type Engine, halves, readable } from './engine.ts'

export const volumes = (engine: Engine): readonly string[] =>
  engine === 'sqlite'
    ? [
        `INSERT INTO documents (account, profile, kind, id, body, revision)
          SELECT s.account, 'ionos', 'volume', s.zone || '/' || json_extract(v.value, '$.id'),
            json_set(json_remove(v.value, '$.id'), '$.server', s.id), s.revision
          FROM servers s, json_each(s.attributes, '$.volumes') v WHERE s.profile = 'ionos'`,
        // A reference that a client gave was never shown where there was a volume, and names none otherwise.
        `UPDATE servers SET attributes = json_remove(attributes, '$.bootVolume') WHERE profile = 'ionos'`,
        `UPDATE servers SET attributes = json_set(attributes,
            '$.bootVolume', json_extract(attributes, '$.volumes[0].id'),
            '$.volumes', (SELECT json_group_array(json_object(
              'id', json_extract(v.value, '$.id'), 'deviceNumber', v.key + 1, 'pciSlot', v.key + 5))
              FROM json_each(servers.attributes, '$.volumes') v))
          WHERE profile = 'ionos' AND json_array_length(attributes, '$.volumes') > 0`,
        `UPDATE servers SET attributes = json_set(attributes, '$.bootCdrom', json_extract(attributes, '$.bootCdrom.id'))
          WHERE profile = 'ionos' AND json_type(attributes, '$.bootCdrom') = 'object'`,
      ]
    : [
        `UPDATE servers SET attributes = ${readable('attributes')} WHERE profile = 'ionos' AND attributes ~ '${halves}'`,
        `INSERT INTO documents (account, profile, kind, id, body, revision)
          SELECT s.account, 'ionos', 'volume', s.zone || '/' || (v.value ->> 'id'),
            ((v.value - 'id') || jsonb_build_object('server', s.id))::text, s.revision
          FROM servers s, jsonb_array_elements(s.attributes::jsonb -> 'volumes') v
          WHERE s.profile = 'ionos' AND jsonb_typeof(s.attributes::jsonb -> 'volumes') = 'array'`,
        `UPDATE servers SET attributes = (attributes::jsonb - 'bootVolume')::text WHERE profile = 'ionos'`,
        `UPDATE servers SET attributes = (attributes::jsonb || jsonb_build_object(
            'bootVolume', attributes::jsonb -> 'volumes' -> 0 ->> 'id',
            'volumes', (SELECT jsonb_agg(jsonb_build_object(
              'id', v.value ->> 'id', 'deviceNumber', v.n, 'pciSlot', v.n + 4) ORDER BY v.n)
              FROM jsonb_array_elements(attributes::jsonb -> 'volumes') WITH ORDINALITY v (value, n))))::text
          WHERE profile = 'ionos' AND attributes::jsonb @? '$.volumes[0]'`,
        `UPDATE servers SET attributes = (attributes::jsonb || jsonb_build_object(
            'bootCdrom', attributes::jsonb -> 'bootCdrom' ->> 'id'))::text
          WHERE profile = 'ionos' AND jsonb_typeof(attributes::jsonb -> 'bootCdrom') = 'object'`,
      ]
