"""The tables of the sandbox's file. What is read and written there is in the stores, one for each resource.

Times are virtual seconds unless a comment says that they are real ones, which clients compare with their clock.
"""

VERSION = 2

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- `limits` is a JSON object of what differs from the server's own limits.
CREATE TABLE IF NOT EXISTS users (
    uid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, limits TEXT NOT NULL DEFAULT '{}'
);
-- Every hash that was given out, of whatever kind: no two things share one.
CREATE TABLE IF NOT EXISTS hashes (hash TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offers (
    resource_id TEXT PRIMARY KEY,
    stock INTEGER NOT NULL CHECK (stock >= 0),
    millicent_per_hour INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS instances (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    meta_key TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    units INTEGER NOT NULL,
    millicent_per_hour INTEGER NOT NULL,
    hardware TEXT NOT NULL,
    region TEXT NOT NULL,
    domain INTEGER NOT NULL,
    category TEXT NOT NULL,
    image_id TEXT NOT NULL,
    image_name TEXT NOT NULL,
    snap_id TEXT NOT NULL,
    snap_name TEXT NOT NULL,
    remark TEXT NOT NULL,
    cmd TEXT NOT NULL,
    envs TEXT NOT NULL,
    ssh_user TEXT NOT NULL,
    password TEXT NOT NULL,
    accesses TEXT NOT NULL,
    created REAL NOT NULL, -- real
    status TEXT NOT NULL,
    changed REAL NOT NULL,
    ran_at REAL,
    held_units INTEGER NOT NULL,
    command_left REAL,
    next_status TEXT,
    next_at REAL,
    source TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_meta_key ON instances (meta_key, seq);
-- Rows are only ever added, so the order of seq is the order of creation.
CREATE INDEX IF NOT EXISTS by_owner ON instances (owner, status, seq);
CREATE INDEX IF NOT EXISTS by_status ON instances (status, seq);
CREATE INDEX IF NOT EXISTS due ON instances (next_at, seq) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS waiting ON instances (resource_id) WHERE next_status IS NOT NULL AND next_at IS NULL;
-- How many machines of each status are in each block of 512 seqs: the way to a late page jumps over whole blocks.
-- Kept by triggers, because counting a user's rows for every list would cost more than the list.
CREATE TABLE IF NOT EXISTS status_blocks (
    owner INTEGER NOT NULL, block INTEGER NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (owner, block, status)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS count_new AFTER INSERT ON instances BEGIN
    INSERT INTO status_blocks VALUES (new.owner, new.seq >> 9, new.status, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER IF NOT EXISTS count_changed AFTER UPDATE OF status ON instances WHEN old.status <> new.status BEGIN
    UPDATE status_blocks SET count = count - 1
    WHERE owner = old.owner AND block = old.seq >> 9 AND status = old.status;
    DELETE FROM status_blocks
    WHERE owner = old.owner AND block = old.seq >> 9 AND status = old.status AND count = 0;
    INSERT INTO status_blocks VALUES (new.owner, new.seq >> 9, new.status, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TABLE IF NOT EXISTS snapshots (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    machine TEXT NOT NULL,
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    created REAL NOT NULL, -- real
    modified REAL NOT NULL, -- real
    size_bytes INTEGER NOT NULL,
    vol_size_bytes INTEGER NOT NULL,
    image_id TEXT NOT NULL,
    image_name TEXT NOT NULL,
    category TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS snapshots_by_owner ON snapshots (owner, seq, status);
CREATE INDEX IF NOT EXISTS snapshots_by_machine ON snapshots (machine);

CREATE TABLE IF NOT EXISTS networks (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    name TEXT NOT NULL,
    region TEXT NOT NULL,
    domain INTEGER NOT NULL,
    type INTEGER NOT NULL,
    created REAL NOT NULL, -- real
    UNIQUE (owner, name)
);
CREATE TABLE IF NOT EXISTS endpoints (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    network TEXT NOT NULL,
    machine TEXT NOT NULL,
    place INTEGER NOT NULL,
    cidr TEXT NOT NULL,
    mac TEXT NOT NULL,
    created REAL NOT NULL, -- real
    connects_at REAL,
    UNIQUE (network, machine),
    UNIQUE (network, place)
);
CREATE INDEX IF NOT EXISTS endpoints_by_machine ON endpoints (machine, seq);

CREATE TABLE IF NOT EXISTS images (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    link TEXT NOT NULL,
    name TEXT NOT NULL,
    created REAL NOT NULL, -- real
    ready_at REAL NOT NULL,
    UNIQUE (owner, link)
);

-- Periods in which a machine was billed; one that runs has no end yet.
CREATE TABLE IF NOT EXISTS bills (
    seq INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    owner INTEGER NOT NULL,
    millicent_per_hour INTEGER NOT NULL,
    begun REAL NOT NULL,
    ended REAL
);
CREATE INDEX IF NOT EXISTS bills_by_owner ON bills (owner, seq);
CREATE INDEX IF NOT EXISTS bills_by_machine ON bills (machine, seq);
"""
