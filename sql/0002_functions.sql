-- Functions. The row carries the current settings and code, so that a route look-up is one read;
-- function_versions keeps every version, the current one too.

CREATE TABLE functions (
  id              BINARY(16)        NOT NULL PRIMARY KEY,
  owner_id        BINARY(16)        NOT NULL,
  name            VARCHAR(64)       NOT NULL,
  route           VARCHAR(255)      NOT NULL, -- as written
  route_key       VARCHAR(255)      NOT NULL, -- a/{x} and a/{y} have the same
  route_rank      INT UNSIGNED      NOT NULL, -- greater is more specific
  language        ENUM('python', 'javascript') NOT NULL,
  runtime         ENUM('docker', 'gvisor')     NOT NULL,
  isolation       ENUM('request', 'function')  NOT NULL,
  access          ENUM('public', 'private')    NOT NULL,
  event           ENUM('input', 'http')        NOT NULL,
  methods         SMALLINT UNSIGNED NOT NULL, -- bits
  handler         VARCHAR(128)      NOT NULL, -- '': found by convention
  timeout_ms      INT UNSIGNED      NOT NULL,
  memory_mb       INT UNSIGNED      NOT NULL,
  cpu_millis      INT UNSIGNED      NOT NULL, -- 1000 is one core
  disk_mb         INT UNSIGNED      NOT NULL,
  max_concurrency INT UNSIGNED      NOT NULL,
  record_input    ENUM('execute', 'all', 'none') NOT NULL,
  description     TEXT              NOT NULL,
  input_example   MEDIUMTEXT        NULL,     -- JSON, as written
  code            MEDIUMTEXT        NOT NULL,
  note            TEXT              NOT NULL, -- of this version
  version         INT UNSIGNED      NOT NULL,
  revision        INT UNSIGNED      NOT NULL,
  status          ENUM('active', 'disabled') NOT NULL,
  created_at      BIGINT            NOT NULL,
  updated_at      BIGINT            NOT NULL,
  UNIQUE KEY name (owner_id, name),
  UNIQUE KEY route (route_key),
  KEY by_owner (owner_id, id),
  KEY by_owner_update (owner_id, updated_at, id),
  KEY by_name (name, id),
  KEY by_update (updated_at, id),
  CONSTRAINT functions_owner FOREIGN KEY (owner_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE function_versions (
  function_id     BINARY(16)        NOT NULL,
  version         INT UNSIGNED      NOT NULL,
  name            VARCHAR(64)       NOT NULL,
  route           VARCHAR(255)      NOT NULL,
  language        ENUM('python', 'javascript') NOT NULL,
  runtime         ENUM('docker', 'gvisor')     NOT NULL,
  isolation       ENUM('request', 'function')  NOT NULL,
  access          ENUM('public', 'private')    NOT NULL,
  event           ENUM('input', 'http')        NOT NULL,
  methods         SMALLINT UNSIGNED NOT NULL,
  handler         VARCHAR(128)      NOT NULL,
  timeout_ms      INT UNSIGNED      NOT NULL,
  memory_mb       INT UNSIGNED      NOT NULL,
  cpu_millis      INT UNSIGNED      NOT NULL,
  disk_mb         INT UNSIGNED      NOT NULL,
  max_concurrency INT UNSIGNED      NOT NULL,
  record_input    ENUM('execute', 'all', 'none') NOT NULL,
  description     TEXT              NOT NULL,
  input_example   MEDIUMTEXT        NULL,
  code            MEDIUMTEXT        NOT NULL,
  note            TEXT              NOT NULL,
  author          VARCHAR(64)       NOT NULL, -- a name that stays when the account goes
  created_at      BIGINT            NOT NULL,
  PRIMARY KEY (function_id, version),
  CONSTRAINT function_versions_function FOREIGN KEY (function_id) REFERENCES functions (id)
    ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
