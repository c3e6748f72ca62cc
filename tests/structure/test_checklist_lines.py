"""Every line of the operators' production checklist stands in docs/checklist.md: items, commands,
headings, contacts. The lines are those of tests/support/production_checklist.txt; where the checklist
itself lies beside the test data, those are compared with it.

test_checklist_lines.py --write CHECKLIST.md: makes the list anew."""
import os
import re
import sys
from pathlib import Path

import tree

LIST = tree.ROOT / "tests/support/production_checklist.txt"
# About the document, not about the site.
OF_THE_DOCUMENT = re.compile(r"^(date|status|last updated|purpose)\b")


def plain(text):
    """Text without marks of Markdown, in small letters."""
    text = re.sub(r"\[[ x]\]", " ", text)
    text = re.sub(r"[*`#|]|^\s*(?:-|\d+\.)\s", " ", text, flags=re.M)
    text = re.sub(r"(?<![\w/])docs/|\[tbd\]|:(?=\s|$)", " ", text.lower())
    return " ".join(text.split())


def items(text):
    """Items, headings and commands of the checklist, an item's further lines joined to it."""
    found, in_block = [], False
    for line in text.splitlines():
        mark = line.strip()
        if mark.startswith("```"):
            in_block = not in_block
        elif not mark or mark == "---":
            found.append("")
        elif in_block or not found or not found[-1] or re.match(r"[-#*]|\d+\.", mark):
            found.append(line)
        else:
            found[-1] += " " + mark
    lines = [plain(line) for line in found]
    return [line for line in lines if line and not OF_THE_DOCUMENT.match(line)]


def source():
    """The checklist beside the test data, None where there is none."""
    data = os.environ.get("CONTIMG_TEST_DATA")
    path = Path(data).parent / "production_checklist.md" if data else None
    return path if path and path.exists() else None


def main():
    faults = tree.Faults("checklist")
    stored = [line for line in LIST.read_text().splitlines() if line]
    page = plain(tree.read(tree.ROOT / "docs/checklist.md"))
    for line in stored:
        if line not in page:
            faults.add("docs/checklist.md", f"has no line '{line}'")
    path = source()
    if path and items(path.read_text()) != stored:
        faults.add(str(LIST.relative_to(tree.ROOT)), f"is not what {path.name} says")
    print(f"{len(stored)} lines of the checklist; "
          f"{'compared with it' if path else 'the checklist itself is not here, not compared'}")
    faults.end()


if sys.argv[1:2] == ["--write"]:
    LIST.write_text("\n".join(items(Path(sys.argv[2]).read_text())) + "\n")
else:
    main()
