"""Each .c file opens with a comment on what it holds; each public function says whether it is
local or collective.

A public function's comment is the nearest one before it that begins a line, within its
paragraph (up to an empty line), so that one comment may serve several declarations. It holds
exactly one of "Local." and "Collective."; a header may say once, in its opening comment,
"All functions are local." or "All functions are collective.".
"""
import re

import tree

faults = tree.Faults("comments")
SAYS = re.compile(r"\b(Local|Collective)\.")
ALL = re.compile(r"\bAll functions are (local|collective)\.")

LEGAL = re.compile(r"\W*(SPDX-|Copyright|Licen[cs]e|\(c\))", re.I)


def flat(comment):
    return re.sub(r"\s*\n\s*\*?\s*", " ", comment)


def check_opening(path):
    said = re.match(r"/\*(.*?)(\*/|\n)", tree.read(path))
    if not said or len(said.group(1).split()) < 3 or LEGAL.match(said.group(1)):
        faults.add(path, "no comment in the first line that says what the file holds")


class Comments:
    """The comments of a header, to be found by line."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.leading, self.trailing = [], {}
        for match in tree.TOKEN.finditer(text):
            if not match.group(0).startswith("/"):
                continue
            first = text.count("\n", 0, match.start()) + 1
            last = text.count("\n", 0, match.end()) + 1
            if self.lines[first - 1].lstrip().startswith("/"):
                self.leading.append((first, last, flat(match.group(0))))
            else:
                self.trailing[first] = flat(match.group(0))

    def of(self, first, last):
        """What is said of the declaration in those lines."""
        if SAYS.search(self.trailing.get(last, "")):
            return self.trailing[last]
        begin = first
        while begin > 1 and self.lines[begin - 2].strip():
            begin -= 1
        above = [text for start, end, text in self.leading if begin <= start and end < first]
        return above[-1] if above else ""


def check_functions(path):
    text = tree.read(path)
    comments = Comments(text)
    opening = comments.leading[0][2] if comments.leading else ""
    of_all = set(ALL.findall(opening))
    if len(of_all) > 1:
        faults.add(path, "says of all functions that they are local and that they are collective")
    for name, first, last in tree.c_prototypes(text):
        said = {word.lower() for word in SAYS.findall(comments.of(first, last))}
        if len(said | of_all) != 1:
            wrong = 'both "Local." and "Collective."' if said else 'neither "Local." nor "Collective."'
            faults.add(path, f"line {first}: {name}: its comment says {wrong}")


if __name__ == "__main__":
    for source in tree.files(["src", "tests", "tools"], {".c"}):
        check_opening(source)
    for header in tree.files(["include/contimg"], {".h"}):
        check_functions(header)
    faults.end()
