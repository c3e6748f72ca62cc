"""No circle of files inside a module: told by the symbols that its object files need of each other, by
what its headers include, and by types: a file is its .c with its .h, and depends on another where
either includes that one's header or names a type that is defined there."""
import re
from pathlib import Path

import tree

faults = tree.Faults("circles")


def uses(symbols):
    """needs[a][b]: the symbols that a takes from b."""
    owner = {name: member for member, names in symbols.defined.items() for name in names}
    needs = {member: {} for member in symbols.defined}
    for member, names in symbols.needed.items():
        for name in sorted(names):
            if name in owner and owner[name] != member:
                needs.setdefault(member, {}).setdefault(owner[name], []).append(name)
    return needs


def reached(needs, start):
    seen, todo = set(), [start]
    while todo:
        for member in needs.get(todo.pop(), {}):
            if member not in seen:
                seen.add(member)
                todo.append(member)
    return seen


def circles(needs):
    """Sets of more than one file that all reach each other."""
    reach = {member: reached(needs, member) for member in needs}
    found = {frozenset(b for b in reach[a] if a in reach[b]) for a in needs if a in reach[a]}
    return sorted(sorted(circle) for circle in found)


def includes(module):
    """needs[a][b] of a module's headers, by path."""
    paths = [path for path in tree.files(["src", "include"], {".h"}) if tree.module_of(path) == module]
    meant = {path: {tree.included_path(path, written) for written in tree.includes(path)}
             for path in paths}
    return {path: {other: ["its header"] for other in paths if other in meant[path]} for path in paths}


def types(module):
    """needs[a][b] of a module's files, by name without ending: headers and types that a takes from b."""
    paths = [path for path in tree.files([f"src/{module}"], {".c", ".h"})]
    owner = {name: Path(path).stem for path in paths if path.endswith(".h")
             for name in tree.c_types(tree.read(path))}
    needs = {Path(path).stem: {} for path in paths}
    for path in paths:
        here = Path(path).stem
        words = set(re.findall(r"\w+", tree.c_code(tree.read(path))))
        taken = [(owner[word], word) for word in sorted(words & owner.keys())]
        for written in tree.includes(path):
            other = tree.included_path(path, written)
            if other in paths:
                taken.append((Path(other).stem, Path(other).name))
        for other, name in taken:
            if other != here and name not in needs[here].setdefault(other, []):
                needs[here][other].append(name)
    return needs


def lines(needs, circle):
    """What files of a circle need of each other."""
    return [f"  {a} needs {b}: {', '.join(names)}" for a in circle
            for b, names in sorted(needs[a].items()) if b in circle]


for module in tree.modules():
    for circle in circles(types(module)):
        text = f"a circle of files by headers and types: {', '.join(circle)}"
        faults.add(f"src/{module}/", "\n".join([text, *lines(types(module), circle)]))
    for circle in circles(includes(module)):
        faults.add(f"src/{module}/", f"a circle of headers: {', '.join(circle)}")
    needs = uses(tree.Symbols(module))
    if not needs and tree.files([f"src/{module}"], {".c"}):
        faults.add(f"src/{module}/", f"no object files in {tree.BUILD}: build first")
    for circle in circles(needs):
        faults.add(f"src/{module}/", "\n".join([f"a circle of {', '.join(circle)}", *lines(needs, circle)]))
faults.end()
