-- Deliveries that nobody got to see: they do not count towards the dead-letter topic.
ALTER TABLE delivery ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0 CHECK (unsent >= 0);
