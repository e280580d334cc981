import subprocess
import sys

from comedian.models.meta import without_memory
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe


def test_a_network_without_memory_has_its_shapes_and_needs_no_compiler():
    """In a process of its own: elsewhere torch may have imported its compiler already."""
    lines = """
import sys
from comedian.models.meta import without_memory
from comedian.models.spotter import Spotter
from comedian.recipes.model import ModelRecipe
with without_memory():
    Spotter(ModelRecipe(), ("Goal",))
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", lines]).returncode == 0


def test_its_state_has_the_shapes_of_a_real_one():
    recipe = ModelRecipe(image_height=32, image_width=32, embed_dim=12, depth=1, num_heads=1, num_tokens=4)
    with without_memory():
        bare = Spotter(recipe, ("Goal",)).state_dict()
    real = Spotter(recipe, ("Goal",)).state_dict()
    assert {name: value.shape for name, value in bare.items()} == {
        name: value.shape for name, value in real.items()
    }
    assert all(value.is_meta for value in bare.values())
