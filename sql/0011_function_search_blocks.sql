-- A search of all functions reads a row per function. These blocks tell it which of them to read: a block stands for
-- up to 64 functions and has a bit set for each run of one to three bytes in their texts. It is never changed: a text
-- that changes leaves its block. 0: in no block, so that every search reads it. fcgi/model/function_search.c packs
-- them, after writes and after migrations.

ALTER TABLE function_search
  ADD COLUMN block INT UNSIGNED NOT NULL DEFAULT 0,
  ADD KEY by_block (block);

CREATE TABLE function_search_blocks (
  id    INT UNSIGNED    NOT NULL AUTO_INCREMENT PRIMARY KEY, -- later ones are committed later
  grams VARBINARY(4096) NOT NULL
) ENGINE = InnoDB;
