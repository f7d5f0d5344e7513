-- The journal. An entry is a row and its lines; neither is ever changed or removed.
CREATE TABLE journal_entry (
    seq INTEGER PRIMARY KEY, -- never used again, because no row ever goes
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (
        kind = 'sale' OR kind = 'recognition' OR kind = 'cancellation' OR kind = 'return'
        OR kind = 'credit_note' OR kind = 'reversal'),
    order_id TEXT,
    reverses TEXT,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    memo TEXT NOT NULL,
    billing TEXT -- JSON
) STRICT;

CREATE INDEX journal_entry_of_order ON journal_entry (order_id) WHERE order_id IS NOT NULL;

-- A sale is looked up among what was reversed.
CREATE INDEX journal_entry_reversed ON journal_entry (reverses) WHERE reverses IS NOT NULL;

-- A debit if positive, a credit if negative: `units` and billionths, both of one sign.
CREATE TABLE journal_line (
    entry INTEGER NOT NULL REFERENCES journal_entry (seq),
    n INTEGER NOT NULL CHECK (n >= 0),
    account INTEGER NOT NULL CHECK (
        account = 1100 OR account = 2100 OR account = 2200 OR account = 4000 OR account = 4900),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    units INTEGER NOT NULL,
    nanos INTEGER NOT NULL CHECK (abs(nanos) < 1000000000),
    PRIMARY KEY (entry, n),
    CHECK ((units >= 0 AND nanos >= 0) OR (units <= 0 AND nanos <= 0))
) STRICT, WITHOUT ROWID;

-- Running sums per account, so that no entry lifts one beyond what an amount can be. The trial
-- balance does not use them: it is summed over the lines.
CREATE TABLE journal_total (
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    account INTEGER NOT NULL,
    debit_units INTEGER NOT NULL CHECK (debit_units >= 0),
    debit_nanos INTEGER NOT NULL CHECK (debit_nanos BETWEEN 0 AND 999999999),
    credit_units INTEGER NOT NULL CHECK (credit_units >= 0),
    credit_nanos INTEGER NOT NULL CHECK (credit_nanos BETWEEN 0 AND 999999999),
    PRIMARY KEY (currency, account)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER journal_entry_never_changes BEFORE UPDATE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'journal entries are immutable: book a reversal'); END;
CREATE TRIGGER journal_entry_never_goes BEFORE DELETE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'journal entries are immutable: book a reversal'); END;
CREATE TRIGGER journal_line_never_changes BEFORE UPDATE ON journal_line
BEGIN SELECT RAISE(ABORT, 'journal entries are immutable: book a reversal'); END;
CREATE TRIGGER journal_line_never_goes BEFORE DELETE ON journal_line
BEGIN SELECT RAISE(ABORT, 'journal entries are immutable: book a reversal'); END;
