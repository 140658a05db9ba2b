"""`python -m infra.check infra/main.bicepparam [parameter=value ...] [--arm]`

With `--arm` it prints the deployment as one Azure Resource Manager template instead, for other checkers.
"""

import os
import sys
from pathlib import Path

from infra.check.agreement import agreement
from infra.check.arm import template
from infra.check.complete import complete
from infra.check.hardened import hardened
from infra.check.parameters import from_file, said
from infra.check.reading import BicepFault
from infra.check.rendering import Rendered, mistaken, render
from infra.check.typed import Definitions, typed
from infra.check.values import value_faults
from shared.settings import ROOT

DEFINITIONS = ROOT.parent / "shared" / "infra-types"


def main(words: list[str]) -> int:
    """0 where nothing is wrong, else 1; what is wrong has been printed."""
    try:
        path, values = from_file(Path(words[0]), os.environ)  # noqa: TID251 - what `az` would give the parameters file, no settings of the app
        values |= said([word for word in words[1:] if word != "--arm"])
        if wrong := [*mistaken(path, values), *value_faults(values)]:
            return _told(wrong, 0)
        rendered = render(path, values)
    except BicepFault as fault:
        return _told([str(fault)], 0)
    if "--arm" in words:
        sys.stdout.write(template(rendered))
        return 0
    # With wrong parameters everything else that can be said is a consequence.
    faults = rendered.faults or [*agreement(rendered), *complete(rendered), *hardened(rendered), *_untyped(rendered)]
    return _told(faults, sum(not one.existing for one in rendered.resources))


def _untyped(rendered: Rendered) -> list[str]:
    if not DEFINITIONS.is_dir():
        sys.stderr.write(
            "Not held against Microsoft's type definitions: there is no folder shared/infra-types beside the checkout.\n"
        )
        return []
    definitions = Definitions(DEFINITIONS)
    return [fault for one in rendered.resources for fault in typed(one, definitions)]


def _told(faults: list[str], resources: int) -> int:
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{resources} resources, {len(faults)} {'fault' if len(faults) == 1 else 'faults'}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
