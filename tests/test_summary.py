"""The summary of a run in Markdown."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from folders import result_folder
from pictures import SAMPLES, run_with
from PIL import Image

from nnanim import Animation, open_run
from nnanim.summary import DEAD, PICTURE_PX, summary, write_summary


def picture(text: str) -> Image.Image:
    (data,) = re.findall(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", text)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_metrics_chart_and_picture(tmp_path: Path) -> None:
    animation = Animation(open_run(result_folder(tmp_path / "result", epochs=[1, 2, 3, 4])))
    write_summary(animation, tmp_path / "summary.md")
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("## result\n\n4 snapshots up to epoch 4, layers of 4 → 5 → 3 neurons.\n\n")
    assert "| metric | first | lowest | highest | last |\n|---|--:|--:|--:|--:|\n" in text
    assert "| main/loss | 1 | 0.25 | 1 | 0.25 |\n" in text
    assert "| main/accuracy | 50.0 % | 50.0 % | 87.5 % | 87.5 % |\n" in text
    assert '    x-axis "epoch" 1 --> 4\n    y-axis "main/accuracy (%)"\n    line [50, ' in text
    assert text.count("87.5]") == 1
    with picture(text) as small:
        assert small.size == (600, 400)
        colors = np.array(small.convert("RGB")).reshape(-1, 3).astype(int)
    red = (colors[:, 0] > 180) & (colors[:, 1:].max(axis=1) < 90)
    assert red.sum() > 100  # the last snapshot in its colours, not in ink
    assert len(text) < 200_000


def test_gaps_and_small_numbers(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "loss": 2e-7}, {"epoch": 2, "loss": float("nan")}, {"epoch": 3, "loss": 1e-7}]
    text = summary(Animation(run_with(tmp_path / "result", [[[[1.0]]], [[[2.0]]]], rows)))
    assert "| loss | 2e-07 | 1e-07 | 2e-07 | 1e-07 |" in text
    (line,) = re.findall(r"line \[(.+)\]", text)
    numbers = line.split(", ")
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", number) for number in numbers)  # Mermaid reads no exponents
    assert float(numbers[0]) == 2e-7


def test_without_a_log(tmp_path: Path) -> None:
    text = summary(Animation(run_with(tmp_path / "result", [[[[1.0]]], [[[2.0]]]])))
    assert "mermaid" not in text
    assert "| metric" not in text
    assert re.search(r"^> no log in .*result': the network is drawn alone$", text, re.MULTILINE)
    assert max(picture(text).size) <= max(PICTURE_PX)


def test_names_from_files_stay_text(tmp_path: Path) -> None:
    name = 'a|b `c` <img src=x> ``` "end'
    rows = [{"epoch": 1, name: 1.0}, {"epoch": 2, name: 2.0}]
    text = summary(
        Animation(
            run_with(tmp_path / "_x_", [[[[1.0]]], [[[2.0]]]], rows),
        )
    )
    assert text.startswith("## \\_x\\_\n")
    assert '| a\\|b \\`c\\` \\<img src=x\\> \\`\\`\\` "end |' in text
    assert "    y-axis \"a|b 'c' <img src=x> ''' 'end\"\n" in text
    assert re.findall("^```", text, re.MULTILINE) == ["```"] * 2  # the chart's


# What it is, and what must not stand there as it is.
ALIVE = {
    "somebody": ("@octocat", "@octocat"),
    "somebody in a word": ("me@x.org", "me@x"),
    "issue": ("x#1", "#1"),
    "merge request of GitLab": ("!1", "!1"),
    "label of GitLab": ("~bug", "~bug"),
    "milestone of GitLab": ("%v1", "%v1"),
    "address": ("https://x.org/a", "https:"),
    "address of another kind": ("ssh://x", "://"),
    "address without a scheme": ("www.x.org", "www."),
    "bare domain": ("example.com", "example.com"),
    "bare domain after a path": ("val/evil.example.co.uk/x", ".co"),
    "domain of other letters": ("пример.рф", "пример.рф"),
    "mail": ("mailto:x", "mailto:"),
    "entity": ("&lt;b&gt; &#60;", "&lt;"),
    "numbered entity": ("&#60;b", "&#60"),
    "emoji": (":smile:", ":smile:"),
    "formula": ("$x^2$", "$x"),
}


@pytest.mark.parametrize("case", ALIVE)
@pytest.mark.parametrize("where", ["metric", "folder"])
def test_names_make_no_links_and_call_nobody(tmp_path: Path, case: str, where: str) -> None:
    name, alive = ALIVE[case]
    folder = tmp_path / "x" if where == "metric" or "/" in name else tmp_path / name
    metric = name if where == "metric" else "loss"
    rows = [{"epoch": 1, metric: 1.0}, {"epoch": 2, metric: 2.0}]
    text = summary(Animation(run_with(folder, [[[[1.0]]], [[[2.0]]]], rows)))
    table, _, chart = text.partition("```mermaid")
    shown = table + chart.partition("```\n\n")[2].partition("base64,")[0]  # a chart is code, and links nothing
    if where == "metric" or folder.name == name:
        spelt = re.sub(r"\\(?=[^\w\s])", "", shown.replace(DEAD, ""))
        assert name in spelt  # people read the same
    assert alive not in shown.replace("\\", "")


def test_numbers_and_words_stay_as_they_are(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "val/acc@0.5": 1.0, "top 5 %": 1.0}, {"epoch": 2, "val/acc@0.5": 2.0, "top 5 %": 1.0}]
    text = summary(Animation(run_with(tmp_path / "x", [[[[1.0]]], [[[2.0]]]], rows)))
    assert f"| val/acc@{DEAD}0.5 |" in text
    assert "| top 5 % |" in text


def test_a_chart_obeys_no_name(tmp_path: Path) -> None:
    name = "%%{init: {'theme': 'dark'}}%%"
    rows = [{"epoch": 1, name: 1.0}, {"epoch": 2, name: 2.0}]
    text = summary(Animation(run_with(tmp_path / "x", [[[[1.0]]], [[[2.0]]]], rows)))
    assert "%%{" not in text.partition("```mermaid")[2]


def test_a_run_without_an_order_of_layers_has_a_summary(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for epoch in (1, 2):
        arrays = {"left.weight": np.full((3, 4), epoch), "right.weight": np.full((3, 4), 2.0)}
        np.savez(tmp_path / "run" / f"net_epoch{epoch}.npz", **{k: v.astype(np.float32) for k, v in arrays.items()})
    animation = Animation(open_run(tmp_path / "run"), view="layers")
    assert animation.shape == ()
    write_summary(animation, tmp_path / "summary.md")
    assert "2 snapshots" in (tmp_path / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("convolutions", "layers of 1 → 6 → 12 → 10 channels or neurons"),
        ("digits", "layers of 64 → 32 → 10 neurons"),
        ("lstm", "4 weight tensors"),
    ],
)
def test_what_is_counted_is_called_by_its_name(sample: str, told: str) -> None:
    text = summary(Animation(open_run(SAMPLES / sample), max_frames=2))
    assert text.split("\n\n")[1].endswith(f", {told}.")
