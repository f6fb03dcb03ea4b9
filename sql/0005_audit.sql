-- Who changed what, when and from where. The id is a UUIDv7 and so holds the time. Names are copies that
-- stay when the account or the thing goes; no foreign keys, for the same reason.

CREATE TABLE audit (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  user_id     BINARY(16)   NULL,     -- NULL: nobody was signed in
  username    VARCHAR(64)  NOT NULL, -- '' so, too
  action      VARCHAR(32)  NOT NULL, -- 'function.update'
  target_id   BINARY(16)   NULL,
  target_name VARCHAR(64)  NOT NULL,
  detail      VARCHAR(255) NOT NULL, -- what of it changed, in words
  address     VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  request_id  BINARY(16)   NULL,     -- the X-Request-Id of the answer
  KEY by_user (user_id, id),
  KEY by_action (action, id),
  KEY by_target (target_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
