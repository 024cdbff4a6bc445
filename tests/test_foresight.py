"""What would fail when it is first needed is told at the start."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from kioskd import report
from kioskd.app import House, Source
from kioskd.config.sections import Audio, Button, Config, Endpoint, Ops, Panel, SecretRef, Talk
from kioskd.core.events import Event, PartChanged
from kioskd.core.words import PartState
from kioskd.foresight import Foresight, Look, looks_at_secrets


def told(looks: list[Look], rounds: int) -> list[PartChanged]:
    """What is posted in so many rounds of looking."""

    async def main() -> list[PartChanged]:
        events: list[Event] = []
        seen = asyncio.Event()
        left = [rounds]

        def count() -> str:
            left[0] -= 1
            if left[0] <= 0:
                loop.call_soon_threadsafe(seen.set)
            return ""

        loop = asyncio.get_running_loop()
        foresight = Foresight(
            [*looks, Look("counter", count)], lambda event: events.append(event) is None, again_s=0.001
        )
        foresight.start()
        await asyncio.wait_for(seen.wait(), 20)
        await foresight.aclose()
        await foresight.aclose()
        return [event for event in events if isinstance(event, PartChanged)]

    return asyncio.run(main())


def test_what_is_well_is_looked_at_once_and_not_told() -> None:
    calls: list[int] = []
    assert told([Look("key", lambda: calls.append(1) or "")], 1) == [] and calls == [1]


def test_what_is_wrong_is_told_once_and_again_when_it_changes_or_heals() -> None:
    found = iter(["gone", "gone", "empty", "", ""])
    events = told([Look("key", lambda: next(found, ""))], 4)
    assert [(event.state, event.reason) for event in events] == [
        (PartState.ABSENT, "gone"),
        (PartState.ABSENT, "empty"),
        (PartState.RUNNING, ""),
    ]


def test_other_looks_forget_what_is_not_looked_at_any_more() -> None:
    events: list[PartChanged] = []

    def post(event: Event) -> bool:
        assert isinstance(event, PartChanged)
        events.append(event)
        return True

    async def main() -> None:
        foresight = Foresight([Look("old", lambda: "gone"), Look("both", lambda: "gone")], post, again_s=60)
        foresight.start()
        while len(events) < 2:
            await asyncio.sleep(0.001)
        foresight.use([Look("both", lambda: ""), Look("new", lambda: "missing")])
        while len(events) < 5:
            await asyncio.sleep(0.001)
        await foresight.aclose()

    asyncio.run(main())
    assert [(event.part, event.reason) for event in events] == [
        ("old", "gone"),
        ("both", "gone"),
        ("old", ""),
        ("both", ""),
        ("new", "missing"),
    ]


def test_each_secret_is_looked_at_and_what_was_read_is_known_to_redaction(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text("sk-secret\n")
    good.chmod(0o600)
    refs = (SecretRef(file=str(good)), SecretRef(credential="hydra-key"), SecretRef(env="NOPE_KEY"))
    config = Config(service=tuple(Endpoint(dialect="hydra", key=ref) for ref in refs))
    seen: set[str] = set()
    found = {look.part: look.find() for look in looks_at_secrets(config, {}, seen)}
    assert seen == {"sk-secret"} and found["the secret service[0].key"] == ""
    assert "LoadCredential=hydra-key:/etc/kioskd/hydra-key" in found["the secret service[1].key"]
    assert "NOPE_KEY is not set" in found["the secret service[2].key"]


def in_house(tmp_path: Path, config: Config) -> dict[str, Any]:
    """The status page once something is wrong, and the lamp."""

    async def main() -> dict[str, Any]:
        house = House(config, Source("kiosk.yaml", ()), asyncio.get_running_loop().time(), set())
        try:
            await house.open()
            async with asyncio.timeout(20):
                while len(house.pulse.verdict().reasons) < 2:
                    await asyncio.sleep(0.01)
            return report.status(house)
        finally:
            await house.close()

    return asyncio.run(main())


def test_status_names_a_missing_key_and_a_missing_speaker_before_anybody_came(tmp_path: Path) -> None:
    os.environ.pop("CREDENTIALS_DIRECTORY", None)
    config = Config(
        service=(Endpoint(dialect="hydra", url="ws://127.0.0.1:9/x", key=SecretRef(credential="hydra-key")),),
        talk=Talk(mode="voice"),
        audio=Audio(input="null", output=f"file:{tmp_path}/none/answer.wav"),
        panel=Panel(pins="simulated", talk=Button(pin="GPIO17")),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )
    page = in_house(tmp_path, config)
    reasons = "\n".join(page["health"]["reasons"])
    assert "the secret service[0].key is absent: there is no credential hydra-key" in reasons
    assert "systemctl edit kioskd" in reasons and "the speaker is absent" in reasons and not page["health"]["ok"]


def test_a_missing_microphone_is_named_behind_the_mute_too(tmp_path: Path) -> None:
    config = Config(
        talk=Talk(mode="voice"),
        audio=Audio(input=f"file:{tmp_path}/none.wav", output=f"file:{tmp_path}/none/answer.wav"),
        panel=Panel(pins="simulated", mute=Button(pin="GPIO22"), talk=Button(pin="GPIO17")),
        ops=Ops(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )
    (tmp_path / "mute.json").write_text('{"muted": true}')
    page = in_house(tmp_path, config)
    assert any(
        "the microphone behind the mute" in reason and "none.wav" in reason for reason in page["health"]["reasons"]
    )
