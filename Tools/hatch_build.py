"""What pip runs when it builds the wheel: adds the extension module, built by Tools/extension for the interpreter that runs this.

Nothing is left in the source tree but `.build`, which the next build continues from. An editable install has its module beside the Python files.
"""
from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExtensionHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        package = root / "Sources/python/martlet"
        is_editable = version == "editable"
        directory = package if is_editable else root / ".build/wheel" / (sys.implementation.cache_tag or "python")
        built = subprocess.run([str(root / "Tools/extension"), sys.executable, str(directory)], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if built.returncode != 0:
            # The reason is the last line of what it wrote.
            self.app.abort("The extension module of Martlet was not built, for the reason given above.")
        name = f"_martlet{sysconfig.get_config_var('EXT_SUFFIX')}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if not is_editable:
            build_data["force_include"][str(directory / name)] = f"martlet/{name}"
