"""A template and parameters -> the resources that would be deployed, every loop, condition and module carried out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.check.evaluating import Evaluator
from infra.check.functions import FUNCTIONS, GROUP
from infra.check.parameters import given
from infra.check.reading import BicepFault, Node, Statement, read

type Edit = Callable[[Path, str], str]
NOTHING: Node = ("literal", None)


class Later(str):
    """Something that only the deployment will know, such as a client id. It shows as `<identity.properties.clientId>`."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        return Later(f"{self[:-1]}.{key}>") if isinstance(key, str) else super().__getitem__(key)


@dataclass(frozen=True)
class Resource:
    """One resource: its id, type with version, and body without what Bicep itself takes (`parent`, `scope`, `dependsOn`)."""

    id: str
    type: str
    version: str
    name: str
    body: Mapping[str, Any]
    existing: bool
    scope: str
    where: str

    def __getitem__(self, key: str) -> str:
        return {"id": self.id, "name": self.name}.get(key) or Later(f"<{self.name}.{key}>")


@dataclass
class Rendered:
    """What a deployment consists of, and the faults of its parameters."""

    resources: list[Resource] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type that the deployment makes."""
        return [one for one in self.resources if one.type == kind and not one.existing]


def render(path: Path, parameters: Mapping[str, Any], edit: Edit = lambda _, text: text) -> Rendered:
    """The deployment of a template. `edit` may change a file's text first, as tests do. Raises BicepFault."""
    rendered = Rendered()
    _Template(path, parameters, rendered, edit).finish()
    return rendered


def mistaken(path: Path, parameters: Mapping[str, Any]) -> list[str]:
    """A sentence for each parameter that is unknown, or whose value the template does not take. Nothing is rendered by it."""
    return _Template(path, parameters, Rendered(), lambda _, text: text).mistaken


class _Template:
    def __init__(self, path: Path, parameters: Mapping[str, Any], rendered: Rendered, edit: Edit) -> None:
        self._path, self._rendered, self._edit = path, rendered, edit
        statements = read(self._text(path), path.name)
        self._statements = {statement.name: statement for statement in statements if statement.kind != "output"}
        self._outputs = {statement.name: statement for statement in statements if statement.kind == "output"}
        loading = {"loadTextContent": self._loaded, "loadJsonContent": lambda name: json.loads(self._loaded(name))}
        self._evaluator = Evaluator(path.name, self._symbol, FUNCTIONS | loading)
        declared = [statement for statement in statements if statement.kind == "param"]
        self._known, faults = given(declared, parameters, lambda node: self._evaluator.value(node, {}), path.name)
        rendered.faults += faults
        self.mistaken = faults

    def finish(self) -> dict[str, Any]:
        """Everything is rendered, whether something refers to it or not; the outputs."""
        for name, statement in self._statements.items():
            if statement.kind in {"resource", "module", "var"}:
                self._symbol(name, statement.line)
        return {name: self._evaluator.value(output.body or NOTHING, {}) for name, output in self._outputs.items()}

    def _text(self, path: Path) -> str:
        return self._edit(path, path.read_text("utf-8"))

    def _loaded(self, name: str) -> str:
        return self._text(self._path.parent / name)

    def _symbol(self, name: str, line: int) -> Any:
        if name not in self._known:
            if name not in self._statements:
                raise BicepFault(f"{self._path.name}:{line}: {name} is not declared")
            statement = self._statements[name]
            body = statement.body or NOTHING
            if statement.kind == "var":
                self._known[name] = self._evaluator.value(body, {})
            else:
                self._known[name] = self._made(statement, body, {})
        return self._known[name]

    def _made(self, statement: Statement, body: Node, scope: Mapping[str, Any]) -> Any:
        """What a resource or module statement stands for: one, a list of them in a loop, None where its condition is false."""
        match body:
            case ("for", names, over, inner):
                return [self._made(statement, inner, turn) for turn in self._evaluator.bound(names, over, scope)]
            case ("if", condition, inner):
                return self._made(statement, inner, scope) if self._evaluator.value(condition, scope) else None
            case ("object", pairs):
                # What a resource depends on is only an order.
                plain = ("object", [(key, value) for key, value in pairs if key != ("string", ["dependsOn"])])
                make = self._resource if statement.kind == "resource" else self._module
                return make(statement, self._evaluator.value(plain, scope))
            case _:
                raise BicepFault(f"{self._path.name}:{statement.line}: {statement.name} has no body")

    def _resource(self, statement: Statement, plain: dict[str, Any]) -> Resource:
        kind, _, version = statement.about.partition("@")
        parent, over = plain.pop("parent", None), plain.pop("scope", None)
        if parent is not None:
            identity = f"{parent.id}/{kind.rpartition('/')[2]}/{plain['name']}"
        else:
            identity = f"{over.id if over else GROUP}/providers/{kind}/{plain['name']}"
        made = Resource(
            id=identity,
            type=kind,
            version=version,
            name=plain["name"],
            body=plain,
            existing=statement.existing,
            scope=over.id if over else "",
            where=f"{self._path.name}:{statement.line}",
        )
        self._rendered.resources.append(made)
        return made

    def _module(self, statement: Statement, plain: dict[str, Any]) -> dict[str, Any]:
        inner = _Template(self._path.parent / statement.about, plain.get("params", {}), self._rendered, self._edit)
        return {"name": plain["name"], "outputs": inner.finish()}
