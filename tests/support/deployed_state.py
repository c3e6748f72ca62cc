"""deployed_state.py SITE: a state folder of the deployed pipeline with thousands of rows, and 30 old
products. --rows SITE: those rows, of the columns that the deployed pipeline has, one a line."""
import re
import sqlite3
import sys
from pathlib import Path

SCHEMA = (Path(__file__).parent / "deployed_schema.h").read_text()
DATABASES = {"ingest": "deployed_ingest", "products": "deployed_products",
             "cal_registry": "deployed_cal_registry", "data_registry": "deployed_data_registry"}
T0 = 1762300000.0


def statements(name):
    """The texts of one C array of strings."""
    body = re.search(rf"\b{name}\[\] = \{{(.*?)\n    0\}}", SCHEMA, re.S).group(1)
    body = re.sub(r'"\s*\n\s*"', "", body)
    return re.findall(r'"([^"]*)"', body)


def columns(statement):
    """Table and columns, without what stands behind the last column."""
    table, inside = re.match(r"CREATE TABLE (\w+)\((.*)\)$", statement).groups()
    parts = re.split(r", (?=\w+ (?:INTEGER|TEXT|REAL|TIMESTAMP))", inside)
    return table, [part.split()[0] for part in parts]


def fill_ingest(db):
    for i in range(400):
        group = f"2025-11-{1 + i // 100:02d}T{i % 24:02d}:{i % 60:02d}:{i // 24:02d}"
        state = ["completed", "pending", "collecting", "in_progress", "failed"][i % 5]
        db.execute("INSERT INTO ingest_queue(group_id,state,received_at,last_update,expected_subbands)"
                   " VALUES(?,?,?,?,16)", (group, state, T0 + 300 * i, T0 + 300 * i + 60))
        db.executemany("INSERT INTO subband_files VALUES(?,?,?)",
                       [(group, k, f"/data/incoming/{group}_sb{k:02d}.hdf5") for k in range(16)])


def fill_products(db):
    for i in range(300):
        ms = f"/stage/dsa110-contimg/ms/{i}.ms"
        db.execute("INSERT INTO ms_index(path,start_mjd,status) VALUES(?,?,'done')", (ms, 60980 + i / 280))
        db.execute("INSERT INTO images(path,ms_path,created_at,type) VALUES(?,?,?,'image')",
                   (f"{ms}.image", ms, T0 + i))


def fill_cal(db):
    db.executemany("INSERT INTO caltables(set_name,path,table_type,order_index,created_at,status) "
                   "VALUES(?,?,'BP',0,?,'active')", [(f"set{i}", f"/stage/cal/{i}.bcal", T0) for i in range(20)])


def fill_data(db, site):
    for i in range(40):
        folder = site / "products" / f"2025-11-{1 + i % 9:02d}" / f"mosaic_{i}"
        state = "published" if i < 30 else "staging"
        if state == "published":
            folder.mkdir(parents=True)
            (folder / "mosaic.fits").write_bytes(b"old %d" % i * 100)
        db.execute("INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,published_path,"
                   "created_at,staged_at,published_at) VALUES('mosaic',?,'/stage/dsa110-contimg',?,?,?,?,?,?)",
                   (f"mosaic_{i}", state, f"/stage/dsa110-contimg/mosaics/mosaic_{i}.fits",
                    str(folder / "mosaic.fits") if i < 30 else None, T0 + i, T0 + i, T0 + i if i < 30 else None))


def make(site):
    fill = {"ingest": fill_ingest, "products": fill_products, "cal_registry": fill_cal,
            "data_registry": lambda db: fill_data(db, site)}
    for name, array in DATABASES.items():
        db = sqlite3.connect(site / "state" / f"{name}.sqlite3")
        for statement in statements(array):
            db.execute(statement)
        fill[name](db)
        db.commit()
        db.close()


def rows(site):
    for name, array in DATABASES.items():
        db = sqlite3.connect(f"file:{site}/state/{name}.sqlite3?mode=ro", uri=True)
        for table, names in map(columns, statements(array)):
            for row in db.execute(f"SELECT {','.join(names)} FROM {table}"):
                print(name, table, row)
        db.close()


if sys.argv[1] == "--rows":
    rows(Path(sys.argv[2]))
else:
    make(Path(sys.argv[1]))
