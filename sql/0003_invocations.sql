-- One row per call. The id is a UUIDv7 and so holds the time: partitions are days, bounded by the
-- UUIDv7 of each midnight, made ahead and dropped whole. No foreign keys (partitioned tables have none,
-- and a record outlives its function). The last partition takes what no day is made for.
--
-- NULL in a figure means: not known, or the call did not come to that.

CREATE TABLE invocations (
  id                BINARY(16)   NOT NULL PRIMARY KEY,
  function_id       BINARY(16)   NOT NULL,
  function_name     VARCHAR(64)  NOT NULL,
  owner_id          BINARY(16)   NOT NULL,
  version           INT UNSIGNED NOT NULL,
  runtime           ENUM('docker', 'gvisor') NOT NULL,
  start             ENUM('cold', 'prewarmed', 'warm') NULL, -- NULL: never had a cell
  source            ENUM('execute', 'http', 'replay') NOT NULL,
  status            ENUM('ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled') NOT NULL,
  http_status       SMALLINT UNSIGNED NOT NULL,
  method            VARCHAR(15)  NOT NULL,     -- '' but for calls over HTTP
  path              VARBINARY(2048) NULL,      -- as it was sent
  error_type        VARCHAR(255) NULL,
  error_message     TEXT         NULL,
  error_stack       MEDIUMTEXT   NULL,
  queue_us          BIGINT       NULL,
  init_us           BIGINT       NULL,
  run_us            BIGINT       NULL,
  total_us          BIGINT       NULL,
  cpu_us            BIGINT       NULL,
  memory_peak_bytes BIGINT       NULL,
  memory_mb         INT UNSIGNED NOT NULL,     -- the limit
  request_bytes     BIGINT       NULL,
  response_bytes    BIGINT       NULL,
  input_kind        ENUM('none', 'json', 'text', 'bytes') NOT NULL,
  input             MEDIUMBLOB   NULL,         -- as it was sent
  args              MEDIUMTEXT   NULL,         -- JSON list
  output_hash       BINARY(32)   NULL,         -- SHA-256 of content type, NUL, body
  logs_truncated    BOOLEAN      NOT NULL,
  KEY by_function (function_id, id),
  KEY by_owner (owner_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE COLUMNS (id) (
  PARTITION p_last VALUES LESS THAN (MAXVALUE)
);

-- The log of a call, one row however many lines: a JSON list of {stream, t_ms, text}.
CREATE TABLE invocation_logs (
  invocation_id BINARY(16) NOT NULL PRIMARY KEY,
  entries       MEDIUMTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE COLUMNS (invocation_id) (
  PARTITION p_last VALUES LESS THAN (MAXVALUE)
);
