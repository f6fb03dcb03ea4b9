"""Compiles the runner into one file: bundle.py FOLDER makes FOLDER/runner.pyc of the sources in FOLDER.

Python starts from it as from a script. Finding, opening and reading a module takes some 15 system calls, and under gVisor
each of them costs what in other containers the whole module costs.
"""

import importlib.util
import marshal
import os
import pathlib
import sys

# Modules that every start needs and that Python has in files of their own.
STANDARD = ("opcode",)
EXTENSIONS = ("_json",)

PYC_FOREVER = (1).to_bytes(4, "little")  # flags of PEP 552: valid by a hash that nobody checks
PYC_HASH = bytes(8)


def compiled(path):
    return compile(path.read_text(), str(path), "exec", dont_inherit=True)


def package(folder):
    """The runner's modules: name and code of each."""
    for path in sorted((folder / "cellrunner").glob("*.py")):
        name = "cellrunner" if path.stem == "__init__" else f"cellrunner.{path.stem}"
        yield name, compiled(path)


def main(folder):
    modules = dict(package(folder))
    for name in STANDARD:
        modules[name] = compiled(pathlib.Path(importlib.util.find_spec(name).origin))
    found = {name: importlib.util.find_spec(name) for name in EXTENSIONS}
    # What is built into this Python has no file.
    extensions = {name: spec.origin for name, spec in found.items() if spec.has_location}
    source = "\n".join((
        f"MODULES = {marshal.dumps(modules)!r}",
        f"EXTENSIONS = {extensions!r}",
        (folder / "bundled.py").read_text(),
        (folder / "runner.py").read_text(),
    ))  # fmt: skip
    code = compile(source, str(folder / "runner.py"), "exec", dont_inherit=True)
    target = folder / "runner.pyc"
    fresh = target.with_suffix(".new")
    fresh.write_bytes(importlib.util.MAGIC_NUMBER + PYC_FOREVER + PYC_HASH + marshal.dumps(code))
    os.replace(fresh, target)


main(pathlib.Path(sys.argv[1]).resolve())
