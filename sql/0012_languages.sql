-- Which languages there are is one table of the program (fcgi/core/languages.h), and no migration when one is added.

ALTER TABLE functions
  MODIFY language VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;

ALTER TABLE function_versions
  MODIFY language VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
