-- What each version changed, so that a list of versions reads no code.

ALTER TABLE function_versions
  ADD COLUMN changed       VARCHAR(500) NULL, -- JSON list of the fields that differ from the version before
  ADD COLUMN lines_added   INT UNSIGNED NULL, -- of code; a moved line is neither added nor removed
  ADD COLUMN lines_removed INT UNSIGNED NULL, -- NULL in these three: the version was made before they were kept
  ADD COLUMN code_bytes    INT UNSIGNED NOT NULL DEFAULT 0;

UPDATE function_versions SET code_bytes = OCTET_LENGTH(code);
