"""A USB sound card is pulled out and put back."""

from __future__ import annotations

from appliance.world import World

USB = "/usr/local/lib/appliance/usb.sh"
# The card that came last, and is not the gadget's own end.
CARD = (
    "for card in /proc/asound/card[0-9]; do cat $card/id; done | grep -v -e Loopback -e UAC2Gadget | tail -n 1 | grep ."
)


def microphone(world: World, state: str, seconds: float) -> None:
    """Until the microphone is in that state."""
    world.until(f"the microphone is {state}", lambda page: page["audio"]["capture"]["state"] == state, seconds)


def test_a_usb_card_serves_is_missed_and_serves_again(world: World) -> None:
    world.ready(60)
    world.channel.must(USB, "plug", seconds=30)
    card = world.channel.until("the card is there", CARD, 20).strip()
    world.channel.shell(f"sed -i 's/alsa:Loopback/alsa:{card}/' /etc/kioskd/kioskd.yaml && kioskd check", 60)
    world.channel.must("systemctl", "restart", "kioskd.service", seconds=60)
    microphone(world, "running", 40)
    for _ in range(2):
        world.channel.must(USB, "pull", seconds=30)
        microphone(world, "absent", 40)
        status = world.status()
        print(status["health"])
        assert status["health"]["ok"] is False
        world.channel.must(USB, "plug", seconds=30)
        microphone(world, "running", 60)
    # The very same process: nobody restarted it.
    assert world.show("kioskd.service", "NRestarts") == {"NRestarts": "0"}
    assert world.channel.run("kioskctl", "status").code == 0


def test_it_starts_without_its_card_and_finds_it_later(world: World) -> None:
    world.channel.must(USB, "pull", seconds=30)
    world.channel.must("systemctl", "restart", "kioskd.service", seconds=60)
    microphone(world, "absent", 40)
    world.channel.must(USB, "plug", seconds=30)
    microphone(world, "running", 60)
