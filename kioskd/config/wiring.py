"""What hangs on which line, as a list for the eye: the parts of a configuration, and where each is connected. Pure."""

from __future__ import annotations

from typing import Collection, Iterator, NamedTuple

from kioskd.config.board import ALSO, GROUND, HEADER, POSITIONS, SUPPLY_3V3, SUPPLY_5V, boot_pull
from kioskd.config.confirm import Keypad
from kioskd.config.pins import line_of
from kioskd.config.panel import Contact, Strip, Switch
from kioskd.config.sections import Config, Lamp, RelayAction, SensorAction

LAMP_OHM = 330  # 3.3 V less 2 V of a red lamp: 4 mA, far below the 16 mA of a line


class Wire(NamedTuple):
    """One wire between a part and the header.

    Attributes:
        role: ``signal``, ``ground``, ``5 V`` or ``3.3 V``.
        position: of the header, 1 to 40; 0: on another chip.
    """

    role: str
    position: int


class Part(NamedTuple):
    """Something that is connected.

    Attributes:
        kind: ``button``, ``lamp``, ``relay`` or ``sensor``: what is drawn.
        title: what people call it.
        lines: what to know about it, a short line each.
        warnings: what may go wrong, a sentence each.
        wires: the signal first.
    """

    kind: str
    title: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    wires: tuple[Wire, ...]


def parts(config: Config) -> list[Part]:
    """All parts, in the order of the file; each with a ground and supply of its own as long as there are any."""
    taken: set[int] = set()
    found = (*_panel(config), *_keypad(config), *_tools(config), *_power(config))
    return [part._replace(wires=_placed(part.wires, taken)) for part in found]


def _placed(wires: tuple[Wire, ...], taken: set[int]) -> tuple[Wire, ...]:
    """Where the wires end; the signal's place is known."""
    signal = wires[0].position
    placed = (
        wires[0],
        *(wire if wire.position else Wire(wire.role, nearest(wire.role, signal, taken)) for wire in wires[1:]),
    )
    taken.update(wire.position for wire in placed)
    return placed


def _panel(config: Config) -> Iterator[Part]:
    panel = config.panel
    if panel.talk is not None:
        yield _button("talk button", panel.talk)
    for push in panel.buttons:
        yield _button(f"{push.name} button", push)
    if panel.mute is not None:
        yield _button("mute switch", panel.mute)
    for contact in panel.contacts:
        yield _contact(contact)
    lamp = panel.lamp or Lamp()
    if lamp.strip is not None:
        yield _strip(lamp.strip)
    for name in ("single", "red", "green", "blue"):
        if pin := getattr(lamp, name):
            yield _lamp("lamp" if name == "single" else f"lamp, {name}", pin, lamp.active)


def _tools(config: Config) -> Iterator[Part]:
    for tool in config.tools:
        relay, sensor = tool.action.relay, tool.action.sensor
        if relay is not None:
            yield _relay(tool.name, relay)
        bell = tool.action.staff.bell if tool.action.staff is not None else None
        if bell is not None and bell.pin is not None:
            yield _relay(f"{tool.name} (bell)", RelayAction(pin=bell.pin, active=bell.active, pulse_ms=bell.ring_ms))
        if sensor is not None and sensor.pin is not None:
            yield _sensor(tool.name, sensor, sensor.pin)


def _power(config: Config) -> Iterator[Part]:
    pin, active = config.power.pin, config.power.active
    if pin is not None:
        about = (
            f"{active} while there is power; 3.3 V at most: an optocoupler before it, never 12 V",
            f"pulled {'down' if active == 'high' else 'up'} inside the board: a cut wire reads as no power",
        )
        yield Part("sensor", "power line", about, tuple(_shared(pin)), _wires(pin, GROUND))


def _keypad(config: Config) -> Iterator[Part]:
    keypad = config.confirm.keypad or Keypad()
    for pin, printed in zip(keypad.rows, keypad.printed):
        about = (
            f"{pin}, 1 kOhm in series: two keys at once then join two rows without harm",
            "driven while it is read",
        )
        yield Part("button", f"keypad row {' '.join(printed)}", about, tuple(_shared(pin)), _wires(pin))
    for pin, below in zip(keypad.columns, zip(*keypad.printed)):
        about = (f"{pin}, straight to the keypad", "the line is pulled up inside the board")
        yield Part("button", f"keypad column {' '.join(below)}", about, tuple(_shared(pin)), _wires(pin))


def _button(title: str, button: Switch) -> Part:
    other = GROUND if button.pull == "up" else SUPPLY_3V3
    about = (f"between {button.pin} and {other}", f"the line is pulled {button.pull} inside the board")
    wires = _wires(button.pin, other)
    warnings = list(_shared(button.pin))
    if button.pull == "down" and line_of(button.pin)[0] in ("GPIO2", "GPIO3"):
        warnings.append(f"{button.pin} is pulled up on the board itself: pull: down does not work there")
    return Part("button", title, about, tuple(warnings), wires)


def _contact(contact: Contact) -> Part:
    other = SUPPLY_3V3 if contact.pull == "down" else GROUND
    closed = "closed" if contact.rest == "active" else "open"
    about = [f"contact between {contact.pin} and {other}, {closed} when all is well", f"pull: {contact.pull}"]
    if contact.alarm and closed == "open":
        about.append("a cut wire looks like rest: a contact that is closed at rest (rest: active) tells of it")
    return Part(
        "sensor", f"{contact.name} contact", tuple(about), tuple(_shared(contact.pin)), _wires(contact.pin, other)
    )


def _strip(strip: Strip) -> Part:
    about = (
        f"{strip.count} lamps on {strip.spi}: data in at GPIO10, clock at GPIO11",
        f"{round(60 * strip.count * strip.brightness)} mA at most; a microphone board has them on it already",
    )
    if not strip.spi.startswith("/dev/spidev0."):
        return Part("lamp", "lamp strip", (f"{strip.count} lamps on {strip.spi}",), (), (Wire("signal", 0),))
    clock = Wire("signal", POSITIONS["GPIO11"])
    data = Wire("signal", POSITIONS["GPIO10"])
    return Part("lamp", "lamp strip", about, (), (data, clock, Wire(SUPPLY_5V, 0), Wire(GROUND, 0)))


def _lamp(title: str, pin: str, active: str) -> Part:
    other = GROUND if active == "high" else SUPPLY_3V3
    about = (f"{pin}, {LAMP_OHM} Ω, LED, {other}", f"lit while the line is {active}")
    return Part("lamp", title, about, tuple(_shared(pin)), _wires(pin, other))


def _relay(title: str, relay: RelayAction) -> Part:
    rest = "high" if relay.active == "low" else "low"
    about = [
        "to a relay board's input, never a coil",
        f"{relay.active} energises it, for {relay.pulse_ms} ms; rests {rest}",
    ]
    pull = boot_pull(relay.pin)
    warnings = list(_shared(relay.pin))
    if relay.held_outside:
        about.append(f"10 kΩ of yours to {GROUND if rest == 'low' else SUPPLY_3V3} keeps it {rest} at boot")
    elif pull is None:
        warnings.append(f"nobody here knows what {relay.pin} does at power-on: measure it before a lock hangs on it")
    elif pull.word == rest:
        about.append(f"{rest} from power-on; add 10 kΩ to {_level(rest)}")
    else:
        warnings.append(f"{relay.pin} is {pull.word} from power-on: the relay would be ENERGISED while the board boots")
    return Part("relay", title, tuple(about), tuple(warnings), _wires(relay.pin, SUPPLY_5V, GROUND))


def _level(level: str) -> str:
    return GROUND if level == "low" else SUPPLY_3V3


def _sensor(title: str, sensor: SensorAction, pin: str) -> Part:
    other = SUPPLY_3V3 if sensor.pull == "down" else GROUND
    about = (f"contact between {pin} and {other}", f"pull: {sensor.pull}")
    return Part("sensor", title, about, tuple(_shared(pin)), _wires(pin, other))


def _shared(pin: str) -> Iterator[str]:
    number = line_of(pin)[0].removeprefix("GPIO")
    if number.isdecimal() and int(number) in ALSO:
        yield f"{pin}: {ALSO[int(number)]}"


def _wires(pin: str, *others: str) -> tuple[Wire, ...]:
    line, problem = line_of(pin)
    position = 0 if problem else POSITIONS.get(line, 0)
    return (Wire("signal", position), *(Wire(other, 0) for other in others))


def nearest(name: str, position: int, taken: Collection[int] = ()) -> int:
    """The place of the header with that supply or ground which lies closest: a free one if there is one, the same row
    preferred; 0 for no line.
    """
    if not position:
        return 0
    return min(
        (place for place, there in HEADER.items() if there == name),
        key=lambda place: (place in taken, place % 2 != position % 2, abs(place - position)),
    )


def table(found: list[Part]) -> str:
    """The same as text."""
    rows = []
    for part in found:
        places = ", ".join(f"{wire.role} {wire.position or 'elsewhere'}" for wire in part.wires)
        rows.append(f"{part.title} ({part.kind}): header {places}")
        rows += [f"    {line}" for line in part.lines]
        rows += [f"    ! {warning}" for warning in part.warnings]
    return "\n".join(rows) or "nothing is connected to the header"
