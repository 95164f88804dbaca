"""Builds the conda package with rattler-build, or else checks its recipe.

Rattler-build's parser checks it. The parser is on PyPI and needs no channel. A build downloads
compilers from a channel.
"""

import shutil

from tools import interpreters
from tools.steps import ROOT, TARGET, call

RECIPE = ROOT / "recipe" / "recipe.yaml"
PARSER = "py-rattler-build>=0.73"
# Reads the recipe and fills it in for each platform, as rattler-build does before it builds.
RENDER = """
import sys
from rattler_build import PlatformConfig, RenderConfig, Stage0Recipe, VariantConfig
recipe = Stage0Recipe.from_file(sys.argv[1])
compilers = {it: [it] for it in ("c_compiler", "rust_compiler", "c_stdlib")}
for platform in sys.argv[2:]:
    config = RenderConfig(platform=PlatformConfig(target_platform=platform))
    variants = recipe.render(VariantConfig({**compilers, "python": ["3.11", "3.14"]}), config)
    assert len(variants) == 2, variants
"""
PLATFORMS = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]


def run(steps, options=None):
    """Builds and tests the package where rattler-build is installed, else checks the recipe."""
    if shutil.which("rattler-build"):
        words = ["--recipe", RECIPE, "--output-dir", TARGET / "conda"]
        steps.run("conda package", ["rattler-build", "build", *words])
        return
    steps.skip("conda package", "no rattler-build; only the recipe is checked")
    check(steps, RECIPE)


def check(steps, recipe):
    """Checks a recipe with rattler-build's parser, which is installed into a folder once."""
    host, folder = interpreters.host(), TARGET / "tools-conda"
    install = host and [*interpreters.pip(host), "install", "--upgrade", "--target", folder, PARSER]
    if not (folder / "rattler_build").exists() and not (install and call(install).ok):
        steps.skip("conda recipe", f"{PARSER} cannot be installed")
        return
    render = [host.executable, "-c", RENDER, recipe, *PLATFORMS]
    steps.run("conda recipe", render, {"PYTHONPATH": str(folder)})
