"""`meterhouse keys` and what `meterhouse serve` refuses."""

import pytest

from dagster_project.cli import app
from ingest.api_keys import is_well_formed


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "500")
    return tmp_path / "data"


def run(*arguments: str) -> int:
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as left:
        app(list(arguments))
    return left.value.code or 0


def test_a_key_is_printed_alone_and_never_again(capsys):
    assert run("keys", "create", "shop", "--scope", "meter:write", "read") == 0
    told = capsys.readouterr()
    assert is_well_formed(told.out.strip())
    assert told.out.count("\n") == 1
    assert "meter:write read" in told.err
    assert told.out.strip() not in told.err
    assert run("keys", "list") == 0
    listed = capsys.readouterr().out
    assert told.out.strip() not in listed
    assert "shop" in listed
    assert "live" in listed


def test_a_key_may_begin_as_a_client_demands(capsys):
    assert run("keys", "create", "sdk", "--prefix", "hak") == 0
    assert capsys.readouterr().out.startswith("hak_")
    assert run("keys", "create", "sdk", "--prefix", "HAK!") == 6
    assert "is not possible" in capsys.readouterr().err


def test_a_scope_that_there_is_not_is_a_mistake_of_the_call():
    assert run("keys", "create", "shop", "--scope", "everything") == 2


def test_rotation_and_revocation_show_in_the_list(capsys):
    run("keys", "create", "shop", "--expires-in", "90d")
    assert run("keys", "rotate", "shop", "--overlap", "1h") == 0
    assert "accepted for 1h more" in capsys.readouterr().err
    assert run("keys", "revoke", "shop") == 0
    assert "2 revoked" in capsys.readouterr().err
    assert run("keys", "revoke", "shop") == 6
    assert "no live key 'shop'" in capsys.readouterr().err
    run("keys", "list")
    assert capsys.readouterr().out.count("revoked") == 2


def test_a_rotated_key_lives_as_long_as_is_said(capsys):
    run("keys", "create", "sdk", "--prefix", "hak", "--expires-in", "30d")
    capsys.readouterr()
    assert run("keys", "rotate", "sdk") == 0
    told = capsys.readouterr()
    assert told.out.startswith("hak_")
    assert ", until " in told.err
    assert run("keys", "rotate", "sdk", "--expires-in", "soon") == 2


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_rate_is_a_number_above_zero(rate, capsys):
    assert run("keys", "create", "shop", f"--rate={rate}") == 6
    assert "is not possible" in capsys.readouterr().err
    run("keys", "create", "shop")
    assert run("serve", f"--rate-limit={rate}") == 2
    assert "no number above 0" in capsys.readouterr().err


def test_a_duration_that_is_none_is_a_mistake_of_the_call(capsys):
    assert run("keys", "create", "shop", "--expires-in", "soon") == 2
    assert "write it like 90d" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - it is refused
def test_without_a_key_no_other_address_is_listened_on(host, capsys):
    for more in ([], ["--open-on-loopback"]):
        assert run("serve", "--host", host, *more) == 6
        assert f"NOT LISTENING on {host}: there is no live API key" in capsys.readouterr().err


def test_an_open_server_listens_on_this_machine_only(capsys):
    run("keys", "create", "shop")
    assert run("serve", "--host", "0.0.0.0", "--open-on-loopback") == 6  # noqa: S104 - it is refused
    assert "NOT LISTENING" in capsys.readouterr().err


def test_without_a_key_there_is_no_service_unless_that_is_said(capsys):
    assert run("serve") == 6
    assert "--open-on-loopback" in capsys.readouterr().err
    run("keys", "create", "shop")
    run("keys", "revoke", "shop")
    assert run("serve") == 6


def test_a_host_that_is_not_known_is_told(capsys):
    assert run("serve", "--host", "nowhere.invalid") == 6
    assert "is not known" in capsys.readouterr().err
