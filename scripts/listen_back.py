"""An independent ear: what does a WAV say?

It shares nothing with the local voice service but the acoustic model: its own decoder, its own closed set of
sentences (the right answers among wrong ones that sound alike), its own phone loop for everything else. A sentence
counts as heard only when the decoder prefers it to all others and to the phone loop.

    .venv/bin/python scripts/listen_back.py answer.wav "The front door is open now. Please come in."
"""

from __future__ import annotations

import array
import json
import random
import re
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any, Sequence

from kioskd.core.resample import make_resampler

RATE_HZ = 16_000
# What parts two sentences? espeak-ng pauses for about 0.3 s behind a full stop and 0.2 s behind a comma; the recording
# is cut in each of these ways, and a sentence that is heard in any of them was said.
PAUSES_S = (0.2, 0.3, 0.6)
LOUD = 300  # of 32767: far above the silence of a WAV, far below speech
# PocketSphinx's silence was learnt in rooms; in digital silence its search fails. A hiss 40 dB below speech mends it.
HISS = 40
# Wrong answers that an answer must win against.
DISTRACTORS = (
    "the front door stays closed",
    "the door is locked now please go away",
    "nobody confirmed so nothing was done",
    "please hold the button to confirm",
    "sorry i did not understand",
    "somebody will come in a moment",
    "it is nineteen degrees in the hall",
    "you are welcome",
    "hello how can i help",
    "the service is not available",
)


def words(text: str) -> str:
    """Lower case, letters only: what a grammar takes."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def samples(path: Path) -> array.array[int]:
    """The WAV as 16 kHz mono samples."""
    with wave.open(str(path), "rb") as sound:
        pcm = sound.readframes(sound.getnframes())
        rate_hz = sound.getframerate()
    resampler = make_resampler(rate_hz, RATE_HZ)
    # Half a second behind the end pushes the last samples out of the filter.
    return array.array("h", resampler.process(pcm + bytes(rate_hz)))


def utterances(sound: array.array[int], pause_s: float) -> list[bytes]:
    """The parts between pauses of at least ``pause_s``, each with a little silence around it."""
    step = RATE_HZ // 100
    loud = [max(map(abs, sound[i : i + step]), default=0) > LOUD for i in range(0, len(sound), step)]
    spans: list[list[int]] = []
    for i, is_loud in enumerate(loud):
        if not is_loud:
            continue
        if spans and i - spans[-1][1] < pause_s * 100:
            spans[-1][1] = i
        else:
            spans.append([i, i])
    quiet = bytes(RATE_HZ // 2)
    return [hissing(quiet + sound[max(0, a - 5) * step : (b + 6) * step].tobytes() + quiet) for a, b in spans]


def hissing(pcm: bytes) -> bytes:
    """The same with a faint hiss, always the same one."""
    chance = random.Random(1)
    noisy = (max(-32768, min(32767, value + chance.randint(-HISS, HISS))) for value in array.array("h", pcm))
    return array.array("h", noisy).tobytes()


def decoder(sentences: Sequence[str]) -> Any:
    """A decoder that knows these sentences and a loop of phones, and nothing else."""
    import pocketsphinx

    model = Path(pocketsphinx.get_model_path()) / "en-us"
    known: dict[str, str] = {}
    phones: set[str] = set()
    wanted = {word for sentence in sentences for word in sentence.split()}
    for line in (model / "cmudict-en-us.dict").read_text().splitlines():
        word, _, sounds = line.partition(" ")
        phones.update(sounds.split())
        if re.sub(r"\(\d+\)$", "", word) in wanted:
            known[word] = sounds
    unknown = sorted(wanted - {re.sub(r"\(\d+\)$", "", word) for word in known})
    if unknown:
        raise SystemExit(f"the independent recogniser does not know these words: {' '.join(unknown)}")
    loop = {f"x_{phone.lower()}": phone for phone in sorted(phones)}
    with tempfile.TemporaryDirectory() as folder:
        book, grammar = Path(folder) / "words.dict", Path(folder) / "answers.jsgf"
        book.write_text("".join(f"{word} {sounds}\n" for word, sounds in {**known, **loop}.items()))
        grammar.write_text(
            "#JSGF V1.0;\ngrammar answers;\n"
            f"<said> = {' | '.join(f'( {sentence} )' for sentence in sentences)};\n"
            f"<x> = {' | '.join(loop)};\n"
            "<other> = <x> <x> <x>+;\n"
            "public <heard> = /0.99/ <said> | /0.01/ <other>;\n"
        )
        return pocketsphinx.Decoder(
            hmm=str(model / "en-us"), dict=str(book), jsgf=str(grammar), bestpath=False, wip=0.002, loglevel="FATAL"
        )


def hear(path: Path, expected: Sequence[str]) -> list[str]:
    """The sentences heard in the WAV, of ``expected`` and the distractors; what is neither is left out."""
    ear = decoder(list(dict.fromkeys([*map(words, expected), *DISTRACTORS])))
    sound = samples(path)
    heard: dict[str, None] = {}
    for pcm in (pcm for pause_s in PAUSES_S for pcm in utterances(sound, pause_s)):
        ear.start_utt()
        ear.process_raw(pcm, full_utt=True)
        ear.end_utt()
        best = ear.hyp()
        if best and "x_" not in best.hypstr:
            heard[best.hypstr] = None
    return list(heard)


def main() -> int:
    """Print what was heard; exit 0 if the sentences named were all among it."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 2
    heard = hear(Path(sys.argv[1]), sys.argv[2:])
    print(json.dumps(heard))
    return 0 if all(words(sentence) in heard for sentence in sys.argv[2:]) else 1


if __name__ == "__main__":
    sys.exit(main())
