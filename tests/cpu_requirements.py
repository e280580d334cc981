"""Print what an installation for a CPU needs beside torch and torchvision, a requirement a line.

That is what pyproject.toml says, but faiss-cpu in place of faiss-gpu, which brings CUDA's libraries.
"""

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
TORCH = "torch"  # torchvision, too
CUDA = "faiss-gpu"


def requirements() -> list[str]:
    """All of pyproject's, with those of tests and of the demo, for a CPU."""
    extras = PROJECT["optional-dependencies"]
    stated = PROJECT["dependencies"] + extras["test"] + extras["demo"]
    # faiss-cpu's marker says where it is the only choice
    return [
        line.split(";")[0] if line.startswith("faiss-cpu") else line
        for line in stated
        if not line.startswith(CUDA)
    ]


if __name__ == "__main__":
    print(*(line for line in requirements() if not line.startswith(TORCH)), sep="\n")
