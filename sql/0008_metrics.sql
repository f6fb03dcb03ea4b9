-- Sums over calls, by the minute, hour and day of their arrival and over all time: what charts, summaries
-- and Prometheus read in place of the calls. Each call counts in three scopes: its function, the
-- function's owner, and the whole system, whose id is all zeros. The columns are the same in all four tables.
--
-- Written in the transaction that inserts the calls, so that all of them agree at any time.

CREATE TABLE metric_minute (
  scope_id         BINARY(16)      NOT NULL,
  t                INT UNSIGNED    NOT NULL, -- start of the minute, seconds since 1970
  runtime          ENUM('docker', 'gvisor') NOT NULL,
  owner_id         BINARY(16)      NOT NULL,
  ok               BIGINT UNSIGNED NOT NULL, -- calls by status
  error            BIGINT UNSIGNED NOT NULL,
  timeout          BIGINT UNSIGNED NOT NULL,
  oom              BIGINT UNSIGNED NOT NULL,
  crash            BIGINT UNSIGNED NOT NULL,
  rejected         BIGINT UNSIGNED NOT NULL,
  cancelled        BIGINT UNSIGNED NOT NULL,
  cold             BIGINT UNSIGNED NOT NULL, -- calls that had a cell, by how it came
  prewarmed        BIGINT UNSIGNED NOT NULL,
  warm             BIGINT UNSIGNED NOT NULL,
  queue_us         BIGINT UNSIGNED NOT NULL, -- sums of what is known
  init_us          BIGINT UNSIGNED NOT NULL,
  run_us           BIGINT UNSIGNED NOT NULL,
  total_us         BIGINT UNSIGNED NOT NULL,
  cpu_us           BIGINT UNSIGNED NOT NULL,
  request_bytes    BIGINT UNSIGNED NOT NULL,
  response_bytes   BIGINT UNSIGNED NOT NULL,
  memory_max_bytes BIGINT          NULL,     -- greatest peak
  last_id          BINARY(16)      NOT NULL, -- the newest call, and what came of it
  last_status      ENUM('ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled') NOT NULL,
  histograms       BLOB            NOT NULL, -- queue, init, run, total in µs, peak memory in KiB; packed
  errors           TEXT            NOT NULL, -- JSON: how many calls of each error type
  PRIMARY KEY (scope_id, t, runtime)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE (t) (
  PARTITION p_last VALUES LESS THAN MAXVALUE
);

CREATE TABLE metric_hour (
  scope_id         BINARY(16)      NOT NULL,
  t                INT UNSIGNED    NOT NULL, -- start of the hour
  runtime          ENUM('docker', 'gvisor') NOT NULL,
  owner_id         BINARY(16)      NOT NULL,
  ok               BIGINT UNSIGNED NOT NULL, -- calls by status
  error            BIGINT UNSIGNED NOT NULL,
  timeout          BIGINT UNSIGNED NOT NULL,
  oom              BIGINT UNSIGNED NOT NULL,
  crash            BIGINT UNSIGNED NOT NULL,
  rejected         BIGINT UNSIGNED NOT NULL,
  cancelled        BIGINT UNSIGNED NOT NULL,
  cold             BIGINT UNSIGNED NOT NULL, -- calls that had a cell, by how it came
  prewarmed        BIGINT UNSIGNED NOT NULL,
  warm             BIGINT UNSIGNED NOT NULL,
  queue_us         BIGINT UNSIGNED NOT NULL, -- sums of what is known
  init_us          BIGINT UNSIGNED NOT NULL,
  run_us           BIGINT UNSIGNED NOT NULL,
  total_us         BIGINT UNSIGNED NOT NULL,
  cpu_us           BIGINT UNSIGNED NOT NULL,
  request_bytes    BIGINT UNSIGNED NOT NULL,
  response_bytes   BIGINT UNSIGNED NOT NULL,
  memory_max_bytes BIGINT          NULL,     -- greatest peak
  last_id          BINARY(16)      NOT NULL, -- the newest call, and what came of it
  last_status      ENUM('ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled') NOT NULL,
  histograms       BLOB            NOT NULL, -- queue, init, run, total in µs, peak memory in KiB; packed
  errors           TEXT            NOT NULL, -- JSON: how many calls of each error type
  PRIMARY KEY (scope_id, t, runtime)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
PARTITION BY RANGE (t) (
  PARTITION p_last VALUES LESS THAN MAXVALUE
);

CREATE TABLE metric_day (
  scope_id         BINARY(16)      NOT NULL,
  t                INT UNSIGNED    NOT NULL, -- start of the day, UTC
  runtime          ENUM('docker', 'gvisor') NOT NULL,
  owner_id         BINARY(16)      NOT NULL,
  ok               BIGINT UNSIGNED NOT NULL, -- calls by status
  error            BIGINT UNSIGNED NOT NULL,
  timeout          BIGINT UNSIGNED NOT NULL,
  oom              BIGINT UNSIGNED NOT NULL,
  crash            BIGINT UNSIGNED NOT NULL,
  rejected         BIGINT UNSIGNED NOT NULL,
  cancelled        BIGINT UNSIGNED NOT NULL,
  cold             BIGINT UNSIGNED NOT NULL, -- calls that had a cell, by how it came
  prewarmed        BIGINT UNSIGNED NOT NULL,
  warm             BIGINT UNSIGNED NOT NULL,
  queue_us         BIGINT UNSIGNED NOT NULL, -- sums of what is known
  init_us          BIGINT UNSIGNED NOT NULL,
  run_us           BIGINT UNSIGNED NOT NULL,
  total_us         BIGINT UNSIGNED NOT NULL,
  cpu_us           BIGINT UNSIGNED NOT NULL,
  request_bytes    BIGINT UNSIGNED NOT NULL,
  response_bytes   BIGINT UNSIGNED NOT NULL,
  memory_max_bytes BIGINT          NULL,     -- greatest peak
  last_id          BINARY(16)      NOT NULL, -- the newest call, and what came of it
  last_status      ENUM('ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled') NOT NULL,
  histograms       BLOB            NOT NULL, -- queue, init, run, total in µs, peak memory in KiB; packed
  errors           TEXT            NOT NULL, -- JSON: how many calls of each error type
  PRIMARY KEY (scope_id, t, runtime)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE metric_total (
  scope_id         BINARY(16)      NOT NULL,
  t                INT UNSIGNED    NOT NULL, -- always 0
  runtime          ENUM('docker', 'gvisor') NOT NULL,
  owner_id         BINARY(16)      NOT NULL,
  ok               BIGINT UNSIGNED NOT NULL, -- calls by status
  error            BIGINT UNSIGNED NOT NULL,
  timeout          BIGINT UNSIGNED NOT NULL,
  oom              BIGINT UNSIGNED NOT NULL,
  crash            BIGINT UNSIGNED NOT NULL,
  rejected         BIGINT UNSIGNED NOT NULL,
  cancelled        BIGINT UNSIGNED NOT NULL,
  cold             BIGINT UNSIGNED NOT NULL, -- calls that had a cell, by how it came
  prewarmed        BIGINT UNSIGNED NOT NULL,
  warm             BIGINT UNSIGNED NOT NULL,
  queue_us         BIGINT UNSIGNED NOT NULL, -- sums of what is known
  init_us          BIGINT UNSIGNED NOT NULL,
  run_us           BIGINT UNSIGNED NOT NULL,
  total_us         BIGINT UNSIGNED NOT NULL,
  cpu_us           BIGINT UNSIGNED NOT NULL,
  request_bytes    BIGINT UNSIGNED NOT NULL,
  response_bytes   BIGINT UNSIGNED NOT NULL,
  memory_max_bytes BIGINT          NULL,     -- greatest peak
  last_id          BINARY(16)      NOT NULL, -- the newest call, and what came of it
  last_status      ENUM('ok', 'error', 'timeout', 'oom', 'crash', 'rejected', 'cancelled') NOT NULL,
  histograms       BLOB            NOT NULL, -- queue, init, run, total in µs, peak memory in KiB; packed
  errors           TEXT            NOT NULL, -- JSON: how many calls of each error type
  PRIMARY KEY (scope_id, t, runtime)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
