"""From a directory to an app that may run: settings, host.json, index, checks. All that is wrong is told at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.host import checks, functions, hostjson, worker
from devstack.host.appsettings import BadSettingsError, Settings, merged, read_local_settings
from devstack.host.functions import Function
from devstack.host.hostjson import HostConfig
from devstack.host.options import Options


class RefusedError(Exception):
    """The app does not start; `sentences` say why, one problem each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class App:
    """An indexed app. `active` are the functions to serve: not disabled, and chosen on the command line."""

    functions: tuple[Function, ...]
    active: tuple[Function, ...]
    config: HostConfig
    settings: Settings
    warnings: tuple[str, ...]

    @property
    def disabled(self) -> frozenset[str]:
        """Names of the functions that are switched off by app setting."""
        return frozenset(each.name for each in self.functions if self.settings.disabled(each.name))


def load_settings(app: Path, named: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """What the app's settings file adds to the environment; raises BadSettingsError."""
    path = named or app / "local.settings.json"
    if named is None and not path.exists():
        return {}
    return merged(environment, read_local_settings(path))


async def prepare(given: Options) -> App:
    """The app, indexed and checked; the environment holds its settings. Raises RefusedError."""
    directory, only = given.app, given.only
    problems: list[str] = []
    try:
        os.environ.update(load_settings(directory, given.settings, os.environ))
    except BadSettingsError as error:
        problems.append(str(error))
    settings = Settings(os.environ)
    os.environ.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")
    config, wrong = hostjson.read(directory)
    problems += wrong
    if not (directory / "function_app.py").is_file():
        raise RefusedError(
            [*problems, f"{directory} holds no function_app.py, so there is nothing to index; name another --app."]
        )
    try:
        found = [functions.from_metadata(each) for each in await worker.index(directory)]
    except worker.IndexingFailedError as error:
        raise RefusedError([*problems, f"The app in {directory} cannot be indexed: {error}"]) from error
    findings = checks.check(found, config, settings)
    unknown = sorted(only - {each.name for each in found})
    if unknown:
        problems.append(f"--only names {', '.join(unknown)}, which the app does not have; its functions are {_names(found)}.")
    problems += findings.refusals
    if problems and (given.strict or wrong or unknown or not found):
        raise RefusedError(problems)
    # Without --strict a function that the real host would refuse to index is left out, and the others run.
    sound = [each for each in found if not checks.check([each], config, settings).refusals] if problems else found
    chosen = [
        each
        for each in sound
        if not settings.disabled(each.name) and (not only or each.name in only) and given.group in {"all", functions.group(each)}
    ]
    return App(tuple(found), tuple(chosen), config, settings, tuple(findings.warnings + problems))


def _names(found: list[Function]) -> str:
    return ", ".join(sorted(each.name for each in found)) or "none"
