"""Print what an installation for a CPU needs beside torch and torchvision, a requirement a line.

That is what pyproject.toml says, but faiss-cpu in place of faiss-gpu, which brings CUDA's libraries.
"""

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
ELSEWHERE = ("torch", "faiss-gpu")  # torchvision, too

for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]:
    if not line.startswith(ELSEWHERE):
        always = line.startswith("faiss-cpu")  # its marker says where it is the only choice
        print(line.split(";")[0] if always else line)
