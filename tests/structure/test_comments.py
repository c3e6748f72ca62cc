"""Each .c file opens with a comment on what it holds; each function of a header, public or private,
says whether it is local or collective.

A public function's comment is its own: it ends in the line before the declaration, or stands behind
it in its last line; none is inherited from the function above. It holds
exactly one of "Local." and "Collective."; a header may say once, in its opening comment,
"All functions are local." or "All functions are collective."; in a private header (src/<module>/)
that says so a function needs no comment of its own.
"""
import re

import tree

faults = tree.Faults("comments")
SAYS = re.compile(r"(?:^|(?<=[.:;)!\n]))[\s*/]*(Local|Collective)\.")  # a sentence of its own
ALL = re.compile(r"\bAll functions are (local|collective)\.")

LEGAL = re.compile(r"SPDX-|Copyright|\bLicen[cs]e|\(c\)|\bGPL|\bGNU\b|free software|rights reserved", re.I)
EMPTY_WORDS = set("a all an and c code contimg file for in is it module of source the this to what".split())
UNFINISHED = re.compile(r"\W*(TODO|FIXME|XXX|TBD)\b", re.I)


def flat(comment):
    return re.sub(r"\s*\n\s*\*?\s*", " ", comment)


def says_what(line, path):
    """Whether a file's first line has four words or more, one of which adds to the file's own name."""
    names = set(re.findall(r"[^\W_]+", path.lower())) | EMPTY_WORDS
    words = [word.rstrip("s") for word in re.findall(r"[^\W_]+", line.lower())]
    new = [word for word in words if word not in names and word + "s" not in names]
    return len(line.split()) >= 4 and bool(new)


def check_opening(path):
    said = re.match(r"/\*(.*?)(\*/|\n)", tree.read(path))
    line = said.group(1) if said else ""
    if not said or LEGAL.search(line) or UNFINISHED.match(line) or not says_what(line, path):
        faults.add(path, "no comment in the first line that says what the file holds, in four words or more")


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
        """The comment of the declaration in those lines; "" where it has none of its own."""
        above = [text for _, end, text in self.leading if end == first - 1]
        return " ".join(above[-1:] + [self.trailing.get(last, "")])


def check_functions(path):
    text = tree.read(path)
    comments = Comments(text)
    opening = comments.leading[0][2] if comments.leading else ""
    of_all = set(ALL.findall(opening))
    if len(of_all) > 1:
        faults.add(path, "says of all functions that they are local and that they are collective")
    for name, first, last in tree.c_prototypes(text):
        if name.isupper():  # a macro that declares
            continue
        is_said_for_all = of_all and path.startswith("src/")
        if not comments.of(first, last).strip() and not is_said_for_all:
            faults.add(path, f"line {first}: {name} has no comment of its own")
            continue
        said = {word.lower() for word in SAYS.findall(comments.of(first, last))}
        if len(said | of_all) != 1:
            wrong = 'both "Local." and "Collective."' if said else 'neither "Local." nor "Collective."'
            faults.add(path, f"line {first}: {name}: its comment says {wrong}")


if __name__ == "__main__":
    for source in tree.files(["src", "tests", "tools", "bench"], {".c"}):
        check_opening(source)
    for header in tree.files(["include/contimg", "src"], {".h"}):
        check_functions(header)
    faults.end()
