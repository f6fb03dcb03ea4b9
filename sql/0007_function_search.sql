-- What a search of functions looks through: a narrow row for each, so that a search of all of them reads
-- neither their code nor their settings. Written with its function, and gone with it.

CREATE TABLE function_search (
  function_id BINARY(16)      NOT NULL PRIMARY KEY,
  owner_id    BINARY(16)      NOT NULL,
  text        VARBINARY(9000) NOT NULL, -- name, route and description in lower case, a line each
  KEY by_owner (owner_id, function_id),
  CONSTRAINT function_search_function FOREIGN KEY (function_id) REFERENCES functions (id)
    ON DELETE CASCADE
) ENGINE = InnoDB;

INSERT INTO function_search
  SELECT id, owner_id, LOWER(CONCAT_WS('\n', name, route, description)) FROM functions;
