"""README's library example runs as it stands there."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
MATCH = ROOT / "tests/data/matches/gfootball/2026/000105 FRQ 0 - 1 RBA"


def test_the_library_example_scores_a_match(tiny, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for name in ("1_224p.mkv", "Labels-v2.json"):
        (tmp_path / name).symlink_to(MATCH / name)
    shutil.copy(tiny.spotter, tmp_path / "spotter.safetensors")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert 0 <= float(capsys.readouterr().out) <= 1
    assert names["spots"]
    assert len([line for line in code.splitlines() if line and "import" not in line]) == 3
