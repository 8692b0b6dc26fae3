"""What importing loads: no torch where a user edits or a data set is made, and next to nothing with the package."""

import subprocess
import sys

ROOMS = (
    "recording", "editlist", "analysis", "editors", "render", "polish", "export", "report", "environment", "corpus",
    "outputs", "from_list", "pipeline", "cli",
)  # fmt: skip
"""Rooms of which every module imports where torch is not installed."""

IMPORT_ALL = """
import sys
from importlib import import_module
from pkgutil import walk_packages


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
for room in sys.argv[1:]:
    package = import_module(f"editorbot.{room}")
    for module in walk_packages(getattr(package, "__path__", ()), package.__name__ + "."):
        import_module(module.name)
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_editing_and_making_data_sets_need_no_torch() -> None:
    run(IMPORT_ALL, *ROOMS)


def test_the_command_line_is_light() -> None:
    heavy = ["torch", "librosa", "matplotlib", "numba", "scipy", "pedalboard", "av"]
    code = "import sys, editorbot.cli.main; print(*sorted(set(sys.argv[1:]) & set(sys.modules)))"
    assert run(code, *heavy).split() == []


def test_the_package_alone_loads_no_numpy() -> None:
    code = "import sys, editorbot; print(*(name for name in sys.modules if name.startswith(('numpy', 'editorbot.'))))"
    assert run(code).split() == []
