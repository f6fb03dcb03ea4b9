-- Accounts and their API tokens.
--
-- In all tables: ids are UUIDv7 as 16 bytes; times are microseconds since 1970 UTC; names compare byte
-- by byte.

CREATE TABLE users (
  id            BINARY(16)   NOT NULL PRIMARY KEY,
  username      VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  password_hash VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', -- '': token only
  role          ENUM('viewer', 'developer', 'admin') NOT NULL,
  disabled      BOOLEAN      NOT NULL DEFAULT FALSE,
  created_at    BIGINT       NOT NULL,
  UNIQUE KEY username (username)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE tokens (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  user_id      BINARY(16)   NOT NULL,
  name         VARCHAR(64)  NOT NULL,
  hash         BINARY(32)   NOT NULL, -- SHA-256 of the token, which is stored nowhere
  scopes       INT UNSIGNED NOT NULL, -- bits
  expires_at   BIGINT       NULL,
  last_used_at BIGINT       NULL,
  created_at   BIGINT       NOT NULL,
  UNIQUE KEY hash (hash),
  KEY user_id (user_id, id),
  CONSTRAINT tokens_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
