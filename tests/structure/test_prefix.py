"""Each exported symbol begins with ci_<module>_, or with a family of base or par."""
import tree

faults = tree.Faults("prefix")
for module in tree.modules():
    prefixes = tuple(f"ci_{family}_" for family in tree.FAMILIES.get(module, [module]))
    whole = {prefix.rstrip("_") for prefix in prefixes}  # ci_error itself
    symbols = tree.Symbols(module)
    if not symbols.defined and tree.files([f"src/{module}"], {".c"}):
        faults.add(f"src/{module}/", f"no object files in {tree.BUILD}: build first")
    for member, names in sorted(symbols.defined.items()):
        for name in sorted(names):
            if not name.startswith(prefixes) and name not in whole:
                faults.add(f"src/{module}/{member}", f"{name} does not begin with {prefixes[0]}"
                           + ("" if len(prefixes) == 1 else " or another family's prefix"))
faults.end()
