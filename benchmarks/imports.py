"""List the modules that a render imports: ``imports.py RESULT OUTPUT`` draws and prints their names in their order.

What is imported while Graphviz works is among them. Nothing is imported here beside nnanim itself.
"""

import sys

before = set(sys.modules)

from nnanim.cli import main  # noqa: E402 (what the interpreter alone imports must be known before)

main(["render", sys.argv[1], "-o", sys.argv[2], "--quiet", *sys.argv[3:]], standalone_mode=False)
print("\n".join(name for name in list(sys.modules) if name not in before))
