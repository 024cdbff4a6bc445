"""What was said, by PocketSphinx: the only importer of pocketsphinx.

One worker thread decodes for all sessions; an utterance takes 0.04 of its length with three tools, 0.3 with two
hundred phrases (x86). PocketSphinx does not release the GIL meanwhile, so the loop stands still for that time.
It cannot be fed in pieces either: it levels the channel over the whole utterance, and in pieces more contraries
were taken for requests. That is why the service has a process of its own. A decoder is built for each set of phrases.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, NamedTuple

from kioskd.lanes import UPLINK_HZ
from kioskd.voice.grammar import Grammar
from kioskd.voice.jsgf import GARBAGE_PREFIX, PHONES, VOWELS, Jsgf, compose, words_needed

log = logging.getLogger(__name__)

# Word insertion penalty, what a phone of the loop costs: 97 of 120 heard, nothing taken for another. At .001 more is
# heard (101), and 3 of 80 contraries are taken for a request; at .005 less (91).
WIP = 0.003
# A decoder holds about 10 MB beside the shared model; a kiosk has one set of tools, a test bench a few.
DECODERS = 3
# PocketSphinx's silence model was trained on rooms: digital silence, which a muted client sends, makes the search fail
# (44 of 120 requests heard instead of 107, with a plain loop). A hiss 42 dB below the speech mends that.
LOUD_RMS = 4000.0
HISS_RMS = 30.0
# A whisper is lifted by at most this much, or the hiss of a quiet room would become speech.
MAX_GAIN = 30.0
# Two vowels make the shortest foreign sentence; bangs, hum and hiss come out as one or none.
MIN_VOWELS = 2
# A client chooses its phrases; it does not choose how long the journal gets.
COMPLAINTS = 5


class Heard(NamedTuple):
    """What an utterance turned out to be.

    Attributes:
        text: a sentence of the grammar; empty when it was anything else.
        noise: it was no speech at all.
    """

    text: str
    noise: bool


def missing_library() -> str:
    """A sentence that says what to install, or nothing."""
    if find_spec("pocketsphinx") is None:
        return "the local voice service needs pocketsphinx to listen: pip install 'kioskd[voice]'"
    return ""


def weigh(hypothesis: str) -> Heard:
    """Read the decoder's hypothesis. Any word of the phone loop makes it foreign."""
    tokens = hypothesis.split()
    phones = [token[len(GARBAGE_PREFIX) :].upper() for token in tokens if token.startswith(GARBAGE_PREFIX)]
    if not phones:
        return Heard(hypothesis, noise=not tokens)
    words = len(tokens) - len(phones)
    vowels = sum(phone in VOWELS for phone in phones)
    return Heard("", noise=not words and vowels < MIN_VOWELS)


class Recogniser:
    """Decoders by grammar. ``prepare`` and ``recognise`` are for the loop; the work is done in one thread.

    Attributes:
        refused: phrases that could not be listened for so far, all sessions together.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recogniser")
        self._decoders: OrderedDict[Grammar, Any] = OrderedDict()
        self.refused = 0

    async def prepare(self, grammar: Grammar) -> None:
        """Build the decoder now rather than at the end of the first utterance."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._decoder_for, grammar)

    async def recognise(self, grammar: Grammar, pcm: bytes) -> Heard:
        """What was said in S16_LE mono 16 kHz."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._decode, grammar, pcm)

    def close(self) -> None:
        """Let the worker finish what it does, start nothing more."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _decoder_for(self, grammar: Grammar) -> Any:
        decoder = self._decoders.get(grammar)
        if decoder is None:
            pronunciations = look_up(words_needed(grammar))
            jsgf = compose(grammar, pronunciations.__contains__)
            self._complain((*grammar.refused, *jsgf.refused))
            decoder = self._decoders[grammar] = build_decoder(jsgf, pronunciations)
            while len(self._decoders) > DECODERS:
                self._decoders.popitem(last=False)
        self._decoders.move_to_end(grammar)
        return decoder

    def _complain(self, refused: tuple[str, ...]) -> None:
        self.refused += len(refused)
        for phrase in refused[:COMPLAINTS]:
            log.warning("! cannot listen for a phrase: %s; say it in other words", phrase)
        if len(refused) > COMPLAINTS:
            log.warning("! nor for %s more", len(refused) - COMPLAINTS)

    def _decode(self, grammar: Grammar, pcm: bytes) -> Heard:
        decoder = self._decoder_for(grammar)
        if not pcm:
            return Heard("", noise=True)
        decoder.start_utt()
        try:
            decoder.process_raw(levelled(pcm), full_utt=True)
        finally:
            decoder.end_utt()
        hypothesis = decoder.hyp()
        return weigh(hypothesis.hypstr if hypothesis else "")


def look_up(words: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """The pronunciations of these words in the packaged dictionary; unknown ones are missing.

    Reads the file instead of keeping it: 134 000 words are 20 MB in memory and 50 ms on disk.
    """
    from pocketsphinx import get_model_path

    found: dict[str, tuple[str, ...]] = {}
    with open(os.path.join(get_model_path(), "en-us", "cmudict-en-us.dict"), encoding="utf-8") as lines:
        for line in lines:
            entry, _, phones = line.strip().partition(" ")
            word = entry.partition("(")[0]
            if word in words:
                found[word] = (*found.get(word, ()), phones)
    return found


def build_decoder(jsgf: Jsgf, pronunciations: dict[str, tuple[str, ...]]) -> Any:
    """A PocketSphinx decoder for one grammar. Best path search is off: with a phone loop it takes seconds."""
    from pocketsphinx import Decoder, get_model_path

    decoder = Decoder(
        hmm=os.path.join(get_model_path(), "en-us", "en-us"),
        lm=None,
        dict=os.devnull,
        samprate=UPLINK_HZ,
        bestpath=False,
        wip=WIP,
        loglevel="FATAL",
    )
    for phone in PHONES:
        decoder.add_word(GARBAGE_PREFIX + phone.lower(), phone, False)
    for word in sorted(jsgf.words):
        for number, phones in enumerate(pronunciations[word], start=1):
            decoder.add_word(word if number == 1 else f"{word}({number})", phones, False)
    decoder.add_jsgf_string("kiosk", jsgf.text)
    decoder.activate_search("kiosk")
    return decoder


def levelled(pcm: bytes) -> bytes:
    """Speech at one loudness over one hiss, whatever the microphone; the same bytes give the same result."""
    # numpy is loaded here: a service that nobody talks to does not need it.
    import numpy

    samples = numpy.frombuffer(pcm, dtype="<i2").astype(numpy.float64)
    loudest = numpy.sort(samples * samples)[-max(1, len(samples) // 4) :]
    rms = float(numpy.sqrt(loudest.mean())) if len(samples) else 0.0
    gain = min(MAX_GAIN, LOUD_RMS / rms) if rms > 0 else 1.0
    hiss = numpy.random.default_rng(1).normal(0.0, HISS_RMS, len(samples))
    return bytes(numpy.clip(samples * gain + hiss, -32768, 32767).astype("<i2").tobytes())
