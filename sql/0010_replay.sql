-- What a replay needs: the request around the input, and which call it repeats. The indexes hold what lists
-- filter by, so that a filter that few records pass reads index pages only.

ALTER TABLE invocations
  MODIFY input_kind ENUM('none', 'json', 'text', 'bytes', 'value') NOT NULL, -- value: JSON, not a body
  ADD COLUMN request   MEDIUMTEXT NULL, -- JSON of context.request; NULL but for calls over HTTP
  ADD COLUMN replay_of BINARY(16) NULL;

ALTER TABLE invocations
  DROP KEY by_function,
  DROP KEY by_owner,
  ADD KEY by_function (function_id, id, owner_id, status, runtime, start, version, total_us),
  ADD KEY by_owner (owner_id, id, status, runtime, start, version, total_us);
