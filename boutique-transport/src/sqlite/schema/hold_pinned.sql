-- Pinned holds are few and counted often.
CREATE INDEX hold_pinned ON hold (system) WHERE state = 'pinned';
