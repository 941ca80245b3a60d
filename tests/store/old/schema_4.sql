BEGIN TRANSACTION;
CREATE TABLE accounts (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, points TEXT, password_hash TEXT NOT NULL,
        must_change INTEGER NOT NULL, failed INTEGER NOT NULL, logged_in_at TEXT);
INSERT INTO "accounts" VALUES('owner','owner',NULL,'$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA',0,2,'2026-03-03T08:00:00+00:00');
CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at TEXT, account TEXT NOT NULL, address TEXT NOT NULL,
        action TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,'2026-03-03T08:00:00+00:00','owner','192.168.1.9','log in','','');
CREATE TABLE faults (
        id INTEGER PRIMARY KEY, at TEXT, scope TEXT NOT NULL, code TEXT NOT NULL,
        present INTEGER NOT NULL);
INSERT INTO "faults" VALUES(1,'2026-03-02T06:15:36.300000+00:00','cp3','NotReachable',1);
INSERT INTO "faults" VALUES(2,'2026-03-03T05:01:00+00:00','cp3','NotReachable',0);
INSERT INTO "faults" VALUES(3,'2026-03-03T05:02:00+00:00','device','SmartMeterTOut',1);
CREATE TABLE records (scope TEXT PRIMARY KEY, record TEXT NOT NULL);
INSERT INTO "records" VALUES('device','{"schema": 1, "grid_control": true}');
INSERT INTO "records" VALUES('cp1','{"schema": 1, "interruption": false, "cancelled": false, "started": true, "setpoint_ma": 9000, "paused": false, "connected": true, "has_charged": true, "complete": false, "lifetime_mwh": 1236972006, "reading_mwh": 1236972006, "dropped_mwh": null, "session_untold": false, "counters": {"energy_l1": 412324002, "energy_l2": 412324002, "energy_l3": 412324002, "session_energy": null, "moved_at": "2026-03-02T06:16:33.300000+00:00", "register_before_mwh": null, "session_adopted": false}, "session": {"started_at": "2026-03-02T06:10:33.300000+00:00", "ended_at": "2026-03-02T06:16:33.300000+00:00", "duration_s": 360, "energy_mwh": 583251, "is_open": true}}');
INSERT INTO "records" VALUES('cp3','{"schema": 1, "interruption": true, "cancelled": false, "started": true, "setpoint_ma": null, "paused": true, "connected": true, "has_charged": true, "complete": false, "lifetime_mwh": null, "reading_mwh": null, "dropped_mwh": null, "session_untold": false, "counters": {"session_energy": 1927000, "moved_at": "2026-03-02T06:10:36.300000+00:00", "register_before_mwh": 0, "session_adopted": true}, "session": {"started_at": "2026-03-02T06:00:03.300000+00:00", "ended_at": "2026-03-02T06:10:32.300000+00:00", "duration_s": 629, "energy_mwh": 1927000, "is_open": true}}');
CREATE TABLE secure_numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL);
INSERT INTO "secure_numbers" VALUES('1.1.20 sends',1240000);
INSERT INTO "secure_numbers" VALUES('1/1/55 from 1.1.9',42);
CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, point INTEGER NOT NULL, started_at TEXT, ended_at TEXT,
        duration_s INTEGER NOT NULL, energy_mwh INTEGER NOT NULL);
INSERT INTO "sessions" VALUES(1,1,'2026-03-02T06:00:03.300000+00:00','2026-03-02T06:10:02.300000+00:00',599,1828755);
INSERT INTO "sessions" VALUES(2,3,NULL,'2026-03-03T05:00:00+00:00',7200,22000000);
CREATE TABLE website_sessions (
        digest TEXT PRIMARY KEY, account TEXT NOT NULL, stays INTEGER NOT NULL,
        by_initial INTEGER NOT NULL, address TEXT NOT NULL, browser TEXT NOT NULL,
        began_at TEXT, stored_at TEXT, age_s REAL NOT NULL, idle_s REAL NOT NULL);
CREATE INDEX sessions_by_point ON sessions (point, id);
PRAGMA user_version = 4;
COMMIT;
