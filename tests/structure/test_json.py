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
    "src/run/registered.c",  # quality of a table's row
    "src/tile/record_json.c",  # tile.json
    "src/uvh5/catalog.c",  # pyuvdata's catalogue of phase centres
}
ASKS = re.compile(r"\b(?:ci_json_(?:get|get_string|get_number|get_bool|string|number|bool|member_name|at|length)"
                  r"|cJSON_\w+)\b")
# These go through documents that they were given whole, by ci_json_at and ci_json_length alone.
LISTERS = {"src/ops/documents.c", "src/serve/health.c"}
LISTS = {"ci_json_at", "ci_json_length"}

faults = tree.Faults("json")
for path in tree.files(["src"], {".c", ".h"}):
    if path in READERS:
        continue
    # With directives: a name of an asking function's own is one by #define.
    code = tree.TOKEN.sub(tree.blank, tree.normal(tree.read(path)))
    for number, line in enumerate(code.splitlines(), 1):
        for found in set(ASKS.findall(line)) - (LISTS if path in LISTERS else set()):
            faults.add(path, f"line {number}: {found}: JSON is read in {', '.join(sorted(READERS))} only")
faults.end()
