"""A group has a role in a Fabric or Power BI workspace.

A workspace role shows everything in the workspace, and it is given to a group so that leaving the group ends it.
https://learn.microsoft.com/rest/api/fabric/core/workspaces/add-workspace-role-assignment
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.named import GroupName, ObjectId, block, blocks
from shared.tenant import Tenant

STEP = "add-to-workspace"
ADMIN = "Admin"
PORTAL = "Fabric admin portal, Tenant settings, Export and sharing settings"
# Internal names of the tenant's switches for guests (facts 8): without the first, guests see nothing at all.
SEES, EDITS = "AllowGuestUserToAccessSharedContent", "ElevatedGuestsTenant"


class AddToWorkspace(BaseModel):
    """`workspace` is an id, `workspaceName` a name that only one workspace has; one of the two."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    workspace: ObjectId | None = None
    workspaceName: Annotated[str, Field(min_length=1, max_length=256)] | None = None  # noqa: N815  # a field of the request
    group: GroupName
    role: Literal["Viewer", "Contributor", "Member"] = "Viewer"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.workspace is None) == (self.workspaceName is None):
            raise ValueError("names one workspace: by its id as workspace, or by its name as workspaceName")
        return self


def wanted(ask: Ask) -> Wish | None:
    """The group has the role."""
    asked = block(AddToWorkspace, ask.settings, STEP, ask.name)
    return Wish({"role": asked.role}, {"workspace": asked.workspace, "workspaceName": asked.workspaceName}, asked.group)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The group's `role` in the workspace and its `assignment`; `workspace` is its id, None where there is none that our identity can
    see, `several` how many have the name."""
    nothing: dict[str, Value] = {"role": None, "assignment": None, "workspace": None, "several": 0}
    found = await _workspaces(tenant, subject)
    if len(found) != 1:
        return nothing | {"several": len(found)}
    roles = await tenant.fabric.roles(found[0])
    if roles is None:
        return nothing
    mine = next((one for one in roles if one.principal == _group(subject)), None)
    there: dict[str, Value] = {"workspace": found[0], "several": 1}
    return nothing | there | ({"role": mine.role, "assignment": mine.id} if mine else {})


def explain(subject: Subject, actual: State) -> str | None:
    """There is no such workspace, several have the name, or somebody has made the group its administrator."""
    asked = subject.details.get("workspace") or subject.details.get("workspaceName")
    several = actual.get("several")
    if isinstance(several, int) and several > 1:
        return f"{several} workspaces are called {asked!r}: name one by its id in the request"
    if actual.get("workspace") is None:
        return f"There is no workspace {asked!r} that the app's identity can see: correct the request, or make the identity Admin of the workspace"
    if actual.get("role") == ADMIN:
        return f"Group {_group(subject)} is Admin of the workspace: somebody decided that, and it is not taken back here"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group has the role."""
    workspace, assignment, role = subject.seen.get("workspace"), subject.seen.get("assignment"), str(change["role"])
    if not isinstance(workspace, str):
        raise NotYet("The workspace was not read", after=15)
    if isinstance(assignment, str):
        await tenant.fabric.change(workspace, assignment, role)
        return Applied(ids={"workspace": workspace, "assignment": assignment})
    made = await tenant.fabric.add(workspace, _group(subject), role)
    return Applied(ids={"workspace": workspace, "assignment": made}, created=True)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The group has the role of before, or none where we had given it one."""
    now = await read(tenant, subject)
    workspace, assignment = now.get("workspace"), now.get("assignment")
    ours, before = entry.after.get("role"), entry.before.get("role")
    if not isinstance(workspace, str) or not isinstance(assignment, str):
        return Applied(note="The group has no role in the workspace any more")
    if now.get("role") == before:
        return Applied(note="The group's role in the workspace is that of before already")
    if now.get("role") != ours:
        raise WontWork(
            f"The group's role in workspace {workspace} was {ours} and is {now.get('role')}: somebody changed it after us. Set it by hand as it "
            "should be"
        )
    if isinstance(before, str):
        await tenant.fabric.change(workspace, assignment, before)
        return Applied(note=f"The group is {before} of the workspace again")
    await tenant.fabric.remove(workspace, assignment)
    return Applied(note="The group has no role in the workspace any more")


def settled(subject: Subject, actual: State) -> str:
    """Which role, and what that means."""
    already = "" if subject.intents else " already"
    return f"the group is{already} {actual.get('role')} of workspace {actual.get('workspace')}, and sees everything in it"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """What a role shows, whether guests may see anything, and whether our identity can give and take roles."""
    found: list[Finding] = []
    for name, one in sorted(blocks(AddToWorkspace, ahead.settings, STEP).items()):
        why = f"As {one.role}, everybody in the group sees everything in the workspace, now and later: give single reports another way"
        found.append(Finding(Weight.TELLS, f"{STEP}.{name}.role", one.role, "the request", why))
        found += await _of_workspace(tenant, ahead, name, one)
    return (*found, *await _switches(tenant))


async def _of_workspace(tenant: Tenant, ahead: Preflight, name: str, one: AddToWorkspace) -> list[Finding]:
    asked = str(one.workspace or one.workspaceName)
    details = {"workspace": one.workspace, "workspaceName": one.workspaceName}
    subject = Subject(id="", partner=ahead.partner, group="", details=details)
    try:
        state = await read(tenant, subject)
    except WontWork as error:
        return [Finding(Weight.REFUSES, f"{STEP}.{name}.workspace", asked, PORTAL, error.reason)]
    if state.get("workspace") is None:
        return [Finding(Weight.REFUSES, f"{STEP}.{name}.workspace", asked, "the request", str(explain(subject, state)))]
    return []


async def _switches(tenant: Tenant) -> list[Finding]:
    try:
        settings = await tenant.fabric.tenant_settings()
    except WontWork:
        why = "Fabric's tenant settings cannot be read, so whether guests may see shared content is not known"
        return [Finding(Weight.WARNS, SEES, "not read", PORTAL, why)]
    found: list[Finding] = []
    if settings.get(SEES) is False:
        why = "Guests may not see Fabric content: a role in a workspace gives them nothing until this is on"
        found.append(Finding(Weight.REFUSES, SEES, "off", PORTAL, why))
    if settings.get(EDITS) is False:
        why = "Guests may open what they have a link to, and neither browse nor edit"
        found.append(Finding(Weight.TELLS, EDITS, "off", PORTAL, why))
    return found


async def _workspaces(tenant: Tenant, subject: Subject) -> tuple[str, ...]:
    if known := subject.ids.get("workspace") or subject.details.get("workspace"):
        return (str(known),)
    return await tenant.fabric.named(str(subject.details.get("workspaceName")))


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group.lower()


ADD_TO_WORKSPACE = Step(
    name=STEP,
    sentence="A group has a role in a Fabric or Power BI workspace.",
    subject="named",
    permissions=(),
    power="guests",
    lanes=("fabric",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("create-group", "create-community"),
    session=True,
    common=("workspace", "workspaceName"),
    sensitive=True,
    keeps=("workspace",),
    preflight=preflight,
)
