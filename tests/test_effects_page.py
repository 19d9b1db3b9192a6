"""The page on effects and the Japanese page: their outputs are what the commands print, their commands exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_docs import ROOT, load

from nnanim.cli import main

PAGE = ROOT / "docs/effects.md"


def test_outputs_are_what_the_commands_print(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.chdir(ROOT)
    fill = load("fill_outputs")
    text = PAGE.read_text(encoding="utf-8")
    assert len(fill.PAIRS.findall(text)) == 6
    pictures = [
        command[command.index("-o") + 1] for command in load("run_commands").commands_of(PAGE) if "-o" in command
    ]
    assert len(pictures) == 3
    for picture in pictures:
        assert f"]({picture.removeprefix('docs/')})" in text
        assert (ROOT / picture).stat().st_size < 300_000
    # The last digits may differ where another machine adds in another order; none is shown so far.
    assert fill.filled(text) == text, "run `python docs/fill_outputs.py docs/effects.md`"


def test_japanese_page_names_options_that_there_are() -> None:
    commands = load("run_commands").commands_of(Path(ROOT / "README.ja.md"))
    assert {command[1] for command in commands} == {"render", "compare"}
    for _, name, *words in commands:
        known = {option for parameter in main.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known


def test_japanese_page_tells_of_every_verdict() -> None:
    text = (ROOT / "README.ja.md").read_text(encoding="utf-8")
    from nnanim.comparing.report import DIFFERS, DIFFERS_NOT

    for sentence in (DIFFERS, DIFFERS_NOT, "too few runs to tell among 2 groups", "1 run each"):
        assert sentence in text
