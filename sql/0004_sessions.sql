-- Logins in a browser, and how often signing in may be tried.

CREATE TABLE sessions (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  user_id      BINARY(16)   NOT NULL,
  token_id     BINARY(16)   NULL,     -- the token it was opened with, whose scopes and end it shares
  hash         BINARY(32)   NOT NULL, -- SHA-256 of the cookie, which is stored nowhere
  address      VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_agent   VARCHAR(255) NOT NULL,
  created_at   BIGINT       NOT NULL,
  last_used_at BIGINT       NOT NULL, -- to the minute
  expires_at   BIGINT       NOT NULL,
  UNIQUE KEY hash (hash),
  KEY user_id (user_id, id),
  CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT sessions_token FOREIGN KEY (token_id) REFERENCES tokens (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each account name and each address from which signing in has failed of late; see
-- core/throttle.h. A row whose time has passed means nothing and goes with the next failure.
CREATE TABLE login_throttle (
  subject BINARY(32) NOT NULL PRIMARY KEY, -- SHA-256 of its kind and text
  until   BIGINT     NOT NULL,
  KEY until (until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- For the question whether another admin is left.
ALTER TABLE users ADD KEY by_role (role, disabled);
