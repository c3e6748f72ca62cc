"""JSON is read at the edge only: these files turn what comes in into structures, no other asks JSON for
an entry (docs/adr/0007)."""
import re

import tree

READERS = {
    "src/base/json.c",
    "src/ops/metrics.c",  # limits of alerts, a file of the user's
    "src/ops/sheet.c",  # what check says on another node
    "src/ops/story.c",  # the last line of a JSON log, and why a product is DEGRADED
    "src/publish/provenance.c",  # provenance.json of a published product
    "src/qa/gates.c",  # gates in records and rows
    "src/report/record_read.c",  # report.json
    "src/run/provenance.c",  # metadata of a product's row
    "src/tile/record_json.c",  # tile.json
    "src/uvh5/catalog.c",  # pyuvdata's catalogue of phase centres
}
ASKS = re.compile(r"\bci_json_(?:get|get_string|get_number|get_bool|string|number|bool|member_name)\b")

faults = tree.Faults("json")
for path in tree.files(["src"], {".c", ".h"}):
    if path in READERS:
        continue
    for number, line in enumerate(tree.c_code(tree.read(path)).splitlines(), 1):
        if found := ASKS.search(line):
            faults.add(path, f"line {number}: {found.group(0)}: JSON is read in {', '.join(sorted(READERS))} only")
faults.end()
