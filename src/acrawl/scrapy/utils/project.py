"""The settings of a Scrapy project."""

from __future__ import annotations

import configparser
import importlib
import os
import pathlib
import sys
from typing import Any


def get_project_settings() -> dict[str, Any]:
    """Return the names in capitals of the module that ``SCRAPY_SETTINGS_MODULE`` or the nearest scrapy.cfg names.

    Empty outside of a project. Raises what importing the module raises.
    """
    name = os.environ.get("SCRAPY_SETTINGS_MODULE", "")
    here = pathlib.Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "scrapy.cfg").is_file():
            config = configparser.ConfigParser()
            config.read(folder / "scrapy.cfg")
            name = name or config.get("settings", "default", fallback="")
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
            break
    if not name:
        return {}
    module = importlib.import_module(name)
    return {key: value for key, value in vars(module).items() if key.isupper()}
