"""Standard streams that are closed, full or ASCII, and names that would do something to a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from hypothesis import given
from hypothesis import strategies as st

from nnanim import Recorder
from nnanim.printable import encodable, printable, printable_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams and names of POSIX")
NNANIM = f"{sys.executable} -m nnanim"
SMALL = "--figsize 3,2"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    script = f'nnanim() {{ {NNANIM} "$@"; }}; {command}'
    return subprocess.run(["sh", "-c", script], capture_output=True, env={**os.environ, **environment}, timeout=120)


@given(st.text())
def test_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    encodable(text).encode("utf-8")
    for is_ascii in (False, True):
        written = printable_json([text], is_ascii=is_ascii)
        assert written.replace("\n", "").isprintable()
        assert json.loads(written) == [text]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fc1.weight", "fc1.weight"),
        ("ひれ長さ → é", "ひれ長さ → é"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nnnanim: note: b\r\t", r"a\nnnanim: note: b\r\t"),
        ("\x9b31m", r"\x9b31m"),
        ("r\udcff", r"r\udcff"),
        ("\u202egpj", r"\u202egpj"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_spelt_out(text: str, told: str) -> None:
    assert printable(text) == told


EVIL = "fc\x1b]0;OWNED\x07\x1b[2J\nnnanim: note: forged\u202e\x9b31m\udc80"


def evil_folder(path: Path) -> Path:
    path.mkdir()
    name = EVIL.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    for epoch in (1, 2):
        header: dict[str, object] = {}
        data = np.random.default_rng(epoch).normal(size=(3, 4)).astype("<f4").tobytes()
        header[f"{name}.weight"] = {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, len(data)]}
        text = json.dumps(header).encode()
        (path / f"model_{epoch}.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    rows = [{"epoch": epoch, f"loss{EVIL}": 1 / epoch} for epoch in (1, 2)]
    (path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


COMMANDS = [
    "inspect result",
    "inspect result --json",
    f"render result {SMALL} -o a.gif -o a.html -o f/ --summary a.md",
    "draw result -o a.svg",
    "inspect result --layers nothing",
    f"render result {SMALL} -o a.gif --metric nothing",
]


@pytest.mark.parametrize("locale", [{}, ASCII], ids=["", "ascii"])
@pytest.mark.parametrize("command", COMMANDS)
def test_names_do_nothing_to_a_terminal(result: Path, command: str, locale: dict[str, str]) -> None:
    evil_folder(result)
    done = shell(f"nnanim {command}", **locale)
    told = done.stdout.decode("ascii" if locale else "utf-8") + done.stderr.decode("ascii" if locale else "utf-8")
    assert "Traceback" not in told
    assert told.replace("\n", "").isprintable(), told
    assert not [line for line in told.splitlines() if line.startswith("nnanim: note: forged")]
    assert done.returncode == (2 if "--layers" in command else 1 if "--metric" in command else 0), told
    if "--json" in command:
        metrics = json.loads(told)["log"]["metrics"]
        assert metrics == [f"loss{EVIL}"]
    if "summary" in command:
        assert Path("a.html").read_text(encoding="utf-8")
        assert Path("a.md").read_text(encoding="utf-8").replace("\n", "").replace("\u2060", "").isprintable()
        assert json.loads(Path("f/frames.json").read_text(encoding="utf-8"))["frames"]


@pytest.mark.parametrize("locale", [{}, ASCII], ids=["", "ascii"])
def test_a_folder_whose_name_is_not_utf8(result: Path, locale: dict[str, str]) -> None:
    name = b"r\xff\x1b[31m\xe9"
    try:
        os.mkdir(name)
    except OSError:
        pytest.skip("the file system has Unicode names only")
    for path in list(result_folder(result).iterdir()):
        path.rename(Path(os.fsdecode(name), path.name))
    for command in (
        "inspect r[!e]*",
        "inspect --json r[!e]*",
        f"render r[!e]* {SMALL} -o a.gif -o a.html -o f/ --summary a.md --if-changed",
        "draw r[!e]* -o a.svg",
        f"render r[!e]* result {SMALL} -o 'g/{{run}}.gif'",
        "inspect r[!e]*/no",
    ):
        done = shell(f"nnanim {command}", **locale)
        told = (done.stdout + done.stderr).decode("ascii" if locale else "utf-8")
        assert "Traceback" not in told
        assert told.replace("\n", "").isprintable()
        assert done.returncode == ("result" in command or "/no" in command), told


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("inspect result >/dev/full", 1, "nnanim: error: standard output cannot be written: No space left on device\n"),
        ("inspect result --json >&-", 1, "nnanim: error: standard output is closed\n"),
        ("--help >/dev/full", 1, "nnanim: error: standard output cannot be written: No space left on device\n"),
        (f"render result {SMALL} -o - --format gif >&-", 1, "nnanim: error: standard output is closed\n"),
        (
            f"render result {SMALL} -o /dev/stdout --format gif >/dev/full",
            1,
            "nnanim: error: standard output cannot be written: No space left on device\n",
        ),
        (f"render result {SMALL} -o a.gif 2>&-", 0, ""),
        (f"render result {SMALL} -o a.gif 2>/dev/full", 0, ""),
        (f"render result {SMALL} -o a.gif <&- >&- 2>&-", 0, ""),
        ("inspect nowhere 2>&-", 1, ""),
        ("inspect nowhere 2>/dev/full", 1, ""),
        ("inspect --bogus 2>/dev/full", 2, ""),
        ("inspect --bogus 2>&-", 2, ""),
    ],
)
def test_streams_that_are_closed_or_full(result: Path, command: str, code: int, told: str) -> None:
    if "/dev/full" in command and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    result_folder(result)
    done = shell(f"nnanim {command}")
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (code, "", told)
    if "a.gif" in command:
        assert Path("a.gif").read_bytes()[-1:] == b";"


def test_dev_stdout_is_standard_output(result: Path) -> None:
    result_folder(result)
    whole = shell(f"nnanim render result {SMALL} -o - --format gif").stdout
    assert whole[:3] == b"GIF"
    assert shell(f"echo before >out; nnanim render result {SMALL} -o /dev/stdout --format gif >>out").returncode == 0
    assert Path("out").read_bytes() == b"before\n" + whole


@pytest.mark.parametrize("output", ["a.gif", "a.mp4", "a.webm", "a.html", "a.png"])
def test_a_full_disk(result: Path, output: str) -> None:
    if output in ("a.mp4", "a.webm"):
        pytest.importorskip("av", reason="PyAV is not installed")
    result_folder(result, epochs=range(1, 20))
    done = shell(f"ulimit -f 4; nnanim render result -o {output}")  # a limit for files fails as a full disk does
    assert done.returncode == 1
    assert done.stderr.startswith(b"nnanim: error: ")
    assert done.stderr.count(b"\n") == 1, done.stderr.decode()
    assert [path.name for path in Path().iterdir()] == ["result"]


def test_little_memory_is_said(result: Path) -> None:
    recorder = Recorder(result)
    recorder.record({"W1": np.ones((4000, 4000), np.float32)}, epoch=1)
    code = "from nnanim.cli import main; import nnanim.reading.opening as r\n" + (
        "def none(*_, **__): raise MemoryError\nr.open_run = none; import nnanim; nnanim.open_run = none; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "inspect", "result"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nnanim: error: there is not enough memory (")
