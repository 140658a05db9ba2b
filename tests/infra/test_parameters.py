"""Wrong parameter values fail in the check, by name, with what is allowed."""

from pathlib import Path

import pytest

from infra.check.__main__ import main
from infra.check.parameters import from_file
from infra.check.reading import BicepFault
from tests.infra.deployments import INFRA, deployed

FILE = str(INFRA / "main.bicepparam")


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("apps=three", "parameter apps is 'three'; allowed are one, split"),
        ("instanceMemory=1024", "parameter instanceMemory is 1024; allowed are 512, 2048, 4096"),
        ("tablesRedundancy=ZRS", "allowed are Standard_LRS, Standard_ZRS, Standard_GRS, Standard_GZRS"),
        ("alwaysReady=11", "parameter alwaysReady is 11 and must be at most 10"),
        ("logDays=7", "parameter logDays is 7 and must be at least 30"),
        ("name=ab", "parameter name is 'ab' and must be at least 3 long"),
        ("tenantId=contoso", "parameter tenantId is 'contoso' and must be at least 36 long"),
        ("reportOnly=perhaps", "parameter reportOnly is 'perhaps' and must be of type bool"),
        ("alwaysReady=true", "parameter alwaysReady is True and must be of type int"),
        ("reportonly=true", "main.bicep has no parameter reportonly; it has name, location"),
        ('settings={"ENTENTE_MAILBOKS": "x"}', "app setting ENTENTE_MAILBOKS is not known"),
        ('settings={"ENTENTE_LANGUAGE": "fy"}', "ENTENTE_LANGUAGE: Input should be 'en', 'nl', 'de' or 'fr'"),
        ('settings={"ENTENTE_CLAIM_SECONDS": 90}', "app setting ENTENTE_CLAIM_SECONDS is 90 and must be text"),
        ("name=Entente_1", "parameter name is 'Entente_1' and must be lower-case letters and digits"),
        ("signInClientId=x", "parameter signInClientId is 'x' and must be a GUID"),
        ('requesters=["somebody"]', "parameter requesters has 'somebody', which must be a GUID"),
        ('operators=["somebody"]', "parameter operators has 'somebody', which must be a mail address"),
        ("networkPrefix=banana", "parameter networkPrefix is 'banana' and must be an IPv4 network, such as 10.90.0.0/24"),
        ("networkPrefix=10.0.0.0/30", "must be a private network of /24 or larger"),
        ("networkPrefix=8.8.8.0/24", "must be a private network"),
        ('tags={"costs": 1}', "parameter tags has costs as 1, which must be text"),
        ("settings=[1]", "parameter settings is [1] and must be of type object"),
        ("tenants=[1]", "parameter tenants [0] is 1 and must be an object with name and tenantId"),
        ('tenants=[{"nam": "contoso"}]', "parameter tenants [0] has nam; there are name, tenantId, reportOnly, settings"),
        ('tenants=[{"name": "Contoso"}]', "parameter tenants [0].name is 'Contoso' and must be 2 to 12 lower-case letters"),
        ("appClientId=x", "parameter appClientId is 'x' and must be a GUID"),
        ("apps", "'apps' must be parameter=value"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(word: str, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, word]) == 1
    assert fault in capsys.readouterr().out


def test_what_is_right_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, "alwaysReady=1", 'settings={"ENTENTE_LANGUAGE": "de"}']) == 0
    assert "0 faults" in capsys.readouterr().out


def test_the_parameters_file_takes_the_environment() -> None:
    template, values = from_file(Path(FILE), {"ENTENTE_REPORT_ONLY": "false", "ENTENTE_OPERATORS": '["a@contoso.com"]'})
    assert template == INFRA / "main.bicep"
    assert (values["reportOnly"], values["operators"], values["apps"]) == (False, ["a@contoso.com"], "one")
    assert deployed(values).faults == []


@pytest.mark.parametrize(
    ("name", "said", "fault"),
    [
        ("ENTENTE_REPORT_ONLY", "maybe", "'maybe' must be true or false"),
        ("ENTENTE_ALWAYS_READY", "one", "alwaysReady: invalid literal"),
        ("ENTENTE_OPERATORS", "a@contoso.com", "operators: Expecting value"),
    ],
)
def test_a_wrong_environment_is_named(name: str, said: str, fault: str) -> None:
    with pytest.raises(BicepFault, match=fault):
        from_file(Path(FILE), {name: said})
