"""A session queues frames for its shell and wakes it once."""

from __future__ import annotations

import msgspec

from exchange.wire.session import Request, RpcError, Session


class Shell:
    def __init__(self, is_websocket: bool = True) -> None:
        self.woken = 0
        self.session = Session(7, is_websocket=is_websocket, now_us=lambda: 1_050, wake=self.wake)

    def wake(self) -> None:
        self.woken += 1


REQUEST = Request(5, "public/test", {}, 1_000)


def test_a_reply_has_the_envelope_of_the_dialect() -> None:
    shell = Shell()
    shell.session.reply(REQUEST, {"version": "1"}, seq=42)
    (frame,) = shell.session.take()
    assert msgspec.json.decode(frame) == {
        "jsonrpc": "2.0",
        "id": 5,
        "result": {"version": "1"},
        "seq": 42,
        "usIn": 1_000,
        "usOut": 1_050,
        "usDiff": 50,
        "testnet": True,
    }


def test_seq_is_left_out_where_no_state_changed() -> None:
    shell = Shell()
    shell.session.reply(REQUEST, 1)
    assert b"seq" not in shell.session.take()[0]


def test_an_error_carries_code_message_and_data() -> None:
    shell = Shell(is_websocket=False)
    shell.session.fail(Request("a", "x", {}, 1_000), RpcError(10021, "invalid_amount", {"param": "amount"}))
    reply = msgspec.json.decode(shell.session.take()[0])
    assert reply["id"] == "a"
    assert reply["error"] == {"code": 10021, "message": "invalid_amount", "data": {"param": "amount"}}
    assert "result" not in reply
    assert shell.session.error_code == 10021


def test_error_data_is_left_out_when_there_is_none() -> None:
    shell = Shell()
    shell.session.fail_id(None, RpcError(-32700, "Parse error"), 1_000)
    reply = msgspec.json.decode(shell.session.take()[0])
    assert reply["id"] is None
    assert reply["error"] == {"code": -32700, "message": "Parse error"}


def test_many_frames_wake_the_shell_once_until_they_are_taken() -> None:
    shell = Shell()
    shell.session.send(b"1")
    shell.session.send(b"2")
    assert shell.woken == 1
    assert shell.session.take() == [b"1", b"2"]
    shell.session.send(b"3")
    assert shell.woken == 2


def test_nothing_is_queued_after_close_was_asked_for() -> None:
    shell = Shell()
    shell.session.send(b"1")
    shell.session.close(4000, "heartbeat")
    shell.session.close(1000, "later")
    shell.session.send(b"2")
    shell.session.reply(REQUEST, 1)
    assert shell.session.take() == [b"1"]
    assert (shell.session.close_code, shell.session.close_reason) == (4000, "heartbeat")


def test_authentication_binds_and_logout_forgets() -> None:
    session = Shell().session
    session.authenticate(64, "key", frozenset({"trade:read"}))
    assert (session.account, session.authenticated) == (64, True)
    session.deauthenticate()
    assert (session.account, session.client_id, session.scopes, session.authenticated) == (
        None,
        "",
        frozenset(),
        False,
    )


def test_an_error_prints_what_it_is() -> None:
    assert str(RpcError(1, "a")) == "1 a"
    assert str(RpcError(1, "a", {"b": 2})) == "1 a {'b': 2}"
