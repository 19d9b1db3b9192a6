"""Which modules a render imports, those included that are imported while Graphviz works.

As a script, ``imports.py RESULT OUTPUT [OPTION...]``, it draws and prints their names in their order. It imports
nothing itself, or that would be missing in the list.
"""

import sys

# For ``python -c``, whose path begins with the current folder: import what a file lists.
IMPORT_ALL = "import sys\nsys.path.pop(0)\nfor name in open({file!r}).read().split(): __import__(name)"


def modules_of_render(*arguments: str) -> list[str]:
    """Draw in a process of its own and return the modules, in the order in which their imports began."""
    import subprocess

    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def main(result: str, output: str, *more: str) -> None:
    before = set(sys.modules)
    from nnanim.cli import main as render

    render(["render", result, "-o", output, "--quiet", *more], standalone_mode=False)
    # What C code registers without a file behind it (SWIG's table of types, for one) nobody else can import.
    found = [name for name, module in list(sys.modules.items()) if getattr(module, "__spec__", None) is not None]
    print("\n".join(name for name in found if name not in before))


if __name__ == "__main__":
    main(*sys.argv[1:])
